/** A record of a file. */
export interface FileRecord {
  /** What it is, as JSON has it; bytes of parquet that are no text are bytes. */
  value: unknown;
  /** Where it is, for people: `line 3`, `item 3`, `row 3`, each counted from 1. */
  place: string;
}

/** A file's records, and what it was recognised as. */
export interface RecordFile {
  /** In words that continue `20 conversations in`. */
  kind: "JSON lines" | "JSON" | "a JSON array" | "CSV" | "parquet";
  /** They in their order. They can be read once. */
  records: AsyncIterable<FileRecord>;
}
