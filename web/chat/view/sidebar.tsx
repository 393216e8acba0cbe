/** The list of conversations. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Conversation, titleOf } from "../conversation.ts";
import { Icon, IconButton } from "./icons.tsx";

/** What the list is told. */
export interface SidebarProps {
  conversations: readonly Conversation[];
  currentId: string;
  onBegin(): void;
  onSelect(id: string): void;
  onRename(id: string, title: string): void;
  onRemove(id: string): void;
}

/** Begins, shows, names and removes conversations. */
export function Sidebar({ conversations, currentId, ...does }: SidebarProps): JSX.Element {
  const kept = conversations.filter(({ messages }) => messages.length > 0);
  return (
    <nav class="sidebar" aria-label="Conversations">
      <button type="button" class="begin" onClick={does.onBegin}>
        <Icon name="plus" /> New chat
      </button>
      <ul>
        {kept.map((conversation) => (
          <Entry
            key={conversation.id}
            title={titleOf(conversation)}
            isCurrent={conversation.id === currentId}
            onSelect={() => does.onSelect(conversation.id)}
            onRename={(title) => does.onRename(conversation.id, title)}
            onRemove={() => does.onRemove(conversation.id)}
          />
        ))}
      </ul>
    </nav>
  );
}

interface EntryProps {
  title: string;
  isCurrent: boolean;
  onSelect(): void;
  onRename(title: string): void;
  onRemove(): void;
}

/** A conversation of the list: its name, a field to change it, or the question whether to delete it. */
function Entry({ title, isCurrent, onSelect, onRename, onRemove }: EntryProps): JSX.Element {
  const [state, setState] = useState<"shown" | "named" | "removed">("shown");
  if (state === "named") {
    return (
      <li class="entry">
        <Name
          title={title}
          onEnd={(name) => {
            if (name !== undefined) onRename(name);
            setState("shown");
          }}
        />
      </li>
    );
  }
  if (state === "removed") {
    return (
      <li
        class="entry"
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          event.stopPropagation();
          setState("shown");
        }}
      >
        <span class="asked">Delete it?</span>
        <button type="button" class="danger" onClick={onRemove}>Delete</button>
        <Keep onClick={() => setState("shown")} />
      </li>
    );
  }
  return (
    <li class={isCurrent ? "entry current" : "entry"}>
      <button
        type="button"
        class="select"
        aria-current={isCurrent ? "page" : undefined}
        onClick={onSelect}
      >
        {title}
      </button>
      <IconButton name="edit" label={`Rename: ${title}`} onClick={() => setState("named")} />
      <IconButton name="bin" label={`Delete: ${title}`} onClick={() => setState("removed")} />
    </li>
  );
}

/** The harmless answer, which has the focus. */
function Keep({ onClick }: { onClick(): void }): JSX.Element {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => button.current!.focus(), []);
  return <button type="button" class="plain" ref={button} onClick={onClick}>Keep</button>;
}

/** A field for a name. `onEnd` is told the name, or nothing if it stays as it was. */
function Name({ title, onEnd }: { title: string; onEnd(name?: string): void }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current!.select(), []);
  return (
    <input
      ref={field}
      aria-label="Name of the chat"
      value={title}
      onBlur={(event) => onEnd(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.isComposing) return;
        if (event.key === "Enter") onEnd(event.currentTarget.value);
        if (event.key === "Escape") {
          event.preventDefault();
          event.stopPropagation();
          onEnd();
        }
      }}
    />
  );
}
