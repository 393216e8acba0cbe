/** Where a message is written: below the conversation, or in place of one that is edited. */
import type { JSX, TargetedKeyboardEvent } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icons.tsx";

/** Whether a key sends what is written: Enter alone, and not one that ends a word in an input method. */
function isSend(event: TargetedKeyboardEvent<HTMLTextAreaElement>): boolean {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

/** Lets a text area be as high as its text. */
function useHeight(text: string): { current: HTMLTextAreaElement | null } {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const { style } = area.current!;
    style.height = "auto";
    style.height = `${area.current!.scrollHeight}px`;
  }, [text]);
  return area;
}

/** What the composer is told. */
export interface ComposerProps {
  isAnswering: boolean;
  onSend(text: string): void;
  onStop(): void;
}

/** Writes the next message, and stops the answer that is coming. */
export function Composer({ isAnswering, onSend, onStop }: ComposerProps): JSX.Element {
  const [text, setText] = useState("");
  const area = useHeight(text);
  const send = () => {
    if (text.trim() === "" || isAnswering) return;
    onSend(text.trim());
    setText("");
    area.current!.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label class="hidden" for="message">Message</label>
      <textarea
        id="message"
        dir="auto"
        ref={area}
        rows={1}
        value={text}
        placeholder="Message nanochat"
        enterkeyhint="send"
        autofocus
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (!isSend(event)) return;
          event.preventDefault();
          send();
        }}
      />
      {isAnswering
        ? (
          <button type="button" class="round" aria-label="Stop" title="Stop (Esc)" onClick={onStop}>
            <Icon name="stop" />
          </button>
        )
        : (
          <button
            type="submit"
            class="round"
            aria-label="Send"
            title="Send (Enter)"
            disabled={text.trim() === ""}
          >
            <Icon name="send" />
          </button>
        )}
    </form>
  );
}

/** What the editor is told. */
export interface EditorProps {
  text: string;
  onSend(text: string): void;
  onCancel(): void;
}

/** Edits a message that was sent. */
export function Editor({ text: sent, onSend, onCancel }: EditorProps): JSX.Element {
  const [text, setText] = useState(sent);
  const area = useHeight(text);
  useLayoutEffect(() => {
    area.current!.focus();
    area.current!.setSelectionRange(sent.length, sent.length);
  }, []);
  const send = () => text.trim() !== "" && onSend(text.trim());
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={area}
        aria-label="Edit message"
        dir="auto"
        rows={1}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && !event.isComposing) {
            event.stopPropagation();
            onCancel();
          } else if (isSend(event)) {
            event.preventDefault();
            send();
          }
        }}
      />
      <div class="editor-actions">
        <button type="button" class="plain" onClick={onCancel}>Cancel</button>
        <button type="submit" class="filled" disabled={text.trim() === ""}>Send</button>
      </div>
    </form>
  );
}
