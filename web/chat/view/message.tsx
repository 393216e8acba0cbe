/** A message of the conversation, with what can be done with it. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Progress } from "../chat.ts";
import { type AssistantMessage, textOf, type UserMessage } from "../conversation.ts";
import { blocksOf, safe } from "../markdown.ts";
import { Editor } from "./composer.tsx";
import { copyText } from "./copy.ts";
import { IconButton } from "./icons.tsx";

/** A button that copies a text, and says that it did. */
function Copy({ text }: { text: string }): JSX.Element {
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    if (!isDone) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [isDone]);
  return (
    <IconButton
      name={isDone ? "done" : "copy"}
      label={isDone ? "Copied" : "Copy"}
      onClick={() => copyText(text).then(() => setDone(true))}
    />
  );
}

/** What a person's message is told. */
export interface QuestionProps {
  message: UserMessage;
  /** Not while an answer is coming. */
  canEdit: boolean;
  onEdit(text: string): void;
}

/** What a person said: never anything but text. */
export function Question({ message, canEdit, onEdit }: QuestionProps): JSX.Element {
  const [isEdited, setEdited] = useState(false);
  return (
    <article class="question">
      <h2 class="hidden">You</h2>
      {isEdited
        ? (
          <Editor
            text={message.text}
            onSend={(text) => {
              setEdited(false);
              onEdit(text);
            }}
            onCancel={() => setEdited(false)}
          />
        )
        : (
          <>
            <p class="bubble" dir="auto">{message.text}</p>
            <div class="actions">
              <Copy text={message.text} />
              <IconButton
                name="edit"
                label="Edit"
                disabled={!canEdit}
                onClick={() => setEdited(true)}
              />
            </div>
          </>
        )}
    </article>
  );
}

/** What an answer is told. */
export interface AnswerProps {
  message: AssistantMessage;
  /** Given while it is on its way. */
  progress: Progress | undefined;
  isLast: boolean;
  onAgain(): void;
  onKey(): void;
}

/** What the model said. */
export function Answer({ message, progress, isLast, onAgain, onKey }: AnswerProps): JSX.Element {
  const { parts, end, problem, droppedTurns, tokens, seconds } = message;
  const blocks = useMemo(() => blocksOf(parts), [parts]);
  const isLost = !progress && !end && !problem;
  return (
    <article class="answer" aria-busy={progress !== undefined}>
      <h2 class="hidden">nanochat</h2>
      {droppedTurns !== undefined && (
        <p class="note">
          The conversation is longer than what the model can read: the oldest{" "}
          {droppedTurns === 1 ? "turn was" : `${droppedTurns} turns were`} forgotten.
        </p>
      )}
      <div class="markdown">
        {blocks.map((html, i) => <Block key={i} html={html} />)}
        {progress && !progress.wait && <span class="coming" />}
      </div>
      {progress?.wait && <Wait {...progress.wait} />}
      {end === "length" && (
        <p class="note">Cut off here: the tokens of an answer, or the room for it, are used up.</p>
      )}
      {end === "stopped" && <p class="note">Stopped.</p>}
      {isLost && <p class="note">This answer was interrupted.</p>}
      {problem && (
        <div class="problem">
          <p>{problem.text}</p>
          {isLast && (
            <div class="problem-actions">
              {problem.kind === "key" && (
                <button type="button" class="filled" onClick={onKey}>Enter the key</button>
              )}
              <button type="button" class="plain" onClick={onAgain}>Try again</button>
            </div>
          )}
        </div>
      )}
      {!progress && (isLast && !problem || parts.length > 0) && (
        <div class="actions">
          {parts.length > 0 && <Copy text={textOf(parts)} />}
          {isLast && !problem && <IconButton name="again" label="Regenerate" onClick={onAgain} />}
          {tokens !== undefined && <small>{speed(tokens, seconds)}</small>}
        </div>
      )}
    </article>
  );
}

/** A block of an answer; the others stay as they are while one grows. */
function Block({ html }: { html: string }): JSX.Element {
  const shown = useMemo(() => ({ __html: safe(html) }), [html]);
  return <div dir="auto" dangerouslySetInnerHTML={shown} />;
}

/** How long an answer was, and how fast it came. */
function speed(tokens: number, seconds = 0): string {
  const length = `${tokens} ${tokens === 1 ? "token" : "tokens"}`;
  return tokens > 1 && seconds > 0 ? `${length}, ${((tokens - 1) / seconds).toFixed(0)}/s` : length;
}

/** Says why an answer waits and for how long it still does. */
function Wait({ reason, until }: NonNullable<Progress["wait"]>): JSX.Element {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((until - now) / 1000);
  return (
    <p class="note">
      {reason} {seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again."}
    </p>
  );
}
