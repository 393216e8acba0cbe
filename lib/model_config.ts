/** Hyperparameters of a model: what a checkpoint's `model_config` says and a GPT is built from. */
export interface ModelConfig {
  /** Longest sequence it was trained on, in tokens (T). `sequence_len`. */
  sequenceLen: number;
  /** Number of tokens (V). Stored tables have more rows, padding. `vocab_size`. */
  vocabSize: number;
  /** Number of blocks. `n_layer`. */
  nLayer: number;
  /** Query heads per block (H). `n_head`. */
  nHead: number;
  /** Key/value heads per block, a divisor of `nHead` (grouped-query attention). `n_kv_head`. */
  nKvHead: number;
  /** Width of the residual stream (C), a multiple of `nHead`. `n_embd`. */
  nEmbd: number;
  /** A letter per layer, tiled: `L` full attention, `S` a short window. `window_pattern`. */
  windowPattern: string;
}
