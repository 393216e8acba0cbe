/** Asks for the server's key. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";

/** What the question is told. */
export interface KeyProps {
  /** Whether the last one was not taken. */
  isWrong: boolean;
  onKey(key: string): void;
  onClose(): void;
}

/** The key is kept as long as the tab is open. */
export function Key({ isWrong, onKey, onClose }: KeyProps): JSX.Element {
  const [key, setKey] = useState("");
  return (
    <Dialog title="The server wants a key" class="small" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim() !== "") onKey(key.trim());
        }}
      >
        <label class="field">
          <span>Key</span>
          <input
            type="password"
            autocomplete="off"
            autofocus
            value={key}
            aria-invalid={isWrong}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
          <small class={isWrong ? "wrong" : ""} role={isWrong ? "alert" : undefined}>
            {isWrong
              ? "The server does not take this key. Is it the one that it was started with?"
              : "The one that the server was started with; kept until this tab is closed."}
          </small>
        </label>
        <button type="submit" class="filled" disabled={key.trim() === ""}>Use the key</button>
      </form>
    </Dialog>
  );
}
