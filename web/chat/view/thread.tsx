/** The conversation that is shown, from its first message to its last. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Progress } from "../chat.ts";
import type { Conversation } from "../conversation.ts";
import { copyText } from "./copy.ts";
import { Icon } from "./icons.tsx";
import { Answer, Question } from "./message.tsx";

/** How far from its end the conversation may be and still follow it, in pixels. */
const NEAR = 40;

/** What small models were taught to answer. */
const BEGINNINGS = [
  "Hello! Who are you?",
  "How many times does the letter r occur in strawberry?",
  "A box holds 12 eggs. How many eggs are in 7 boxes?",
  "Why is the sky blue?",
];

/** What the conversation is told. */
export interface ThreadProps {
  conversation: Conversation;
  progress: Progress | undefined;
  onSend(text: string): void;
  onEdit(index: number, text: string): void;
  onAgain(): void;
  onKey(): void;
}

/** Shows the messages and stays at their end, unless somebody reads further up. */
export function Thread(props: ThreadProps): JSX.Element {
  const { conversation: { id, messages }, progress, onSend, onEdit, onAgain, onKey } = props;
  const area = useRef<HTMLDivElement>(null);
  const [isAtEnd, setAtEnd] = useState(true);
  const toEnd = () => area.current!.scrollTop = area.current!.scrollHeight;
  // A conversation that is shown, and one in which something was said, is read from its end.
  useLayoutEffect(() => {
    setAtEnd(true);
    toEnd();
  }, [id, messages.length]);
  useLayoutEffect(() => {
    if (isAtEnd) toEnd();
  });
  return (
    <div class="thread">
      <div
        class="messages"
        ref={area}
        tabIndex={0}
        role="region"
        aria-label="Messages"
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) =>
          setAtEnd(scrollHeight - scrollTop - clientHeight < NEAR)}
        onClick={copyCode}
      >
        {messages.length === 0 && (
          <div class="welcome">
            <h2>What shall we talk about?</h2>
            <ul>
              {BEGINNINGS.map((text) => (
                <li key={text}>
                  <button type="button" onClick={() => onSend(text)}>{text}</button>
                </li>
              ))}
            </ul>
          </div>
        )}
        {messages.map((message, i) => {
          const isLast = i === messages.length - 1;
          // A place in another conversation is another message, with an editor of its own.
          const key = `${id} ${i}`;
          return message.role === "user"
            ? (
              <Question
                key={key}
                message={message}
                canEdit={!progress}
                onEdit={(text) => onEdit(i, text)}
              />
            )
            : (
              <Answer
                key={key}
                message={message}
                progress={isLast ? progress : undefined}
                isLast={isLast}
                onAgain={onAgain}
                onKey={onKey}
              />
            );
        })}
      </div>
      {!isAtEnd && (
        <button type="button" class="to-end" onClick={toEnd}>
          <Icon name="down" /> To the end
        </button>
      )}
    </div>
  );
}

/** Copies the code whose button was pressed: the buttons come with an answer's HTML. */
function copyCode({ target }: MouseEvent): void {
  if (!(target instanceof HTMLButtonElement && target.classList.contains("copy-code"))) return;
  const code = target.closest(".code")?.querySelector("code")?.textContent ?? "";
  copyText(code).then(() => {
    target.textContent = "Copied";
    setTimeout(() => target.textContent = "Copy code", 1500);
  });
}
