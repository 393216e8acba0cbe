/** The page as a whole. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Chat, ChatState } from "../chat.ts";
import { titleOf } from "../conversation.ts";
import { Composer } from "./composer.tsx";
import { Dialog } from "./dialog.tsx";
import { IconButton } from "./icons.tsx";
import { Key } from "./key.tsx";
import { Settings } from "./settings.tsx";
import { Sidebar } from "./sidebar.tsx";
import { Thread } from "./thread.tsx";

/** What lies over the page. */
type Over = "conversations" | "settings" | "key";

const STANDS: Partial<Record<ChatState["server"], string>> = {
  loading: "The model is loading…",
  gone: "The server cannot be reached. Trying again…",
};

/** Shows the state, and does what is asked. */
export function App({ chat }: { chat: Chat }): JSX.Element {
  const state = useChat(chat);
  const { conversations, currentId, answering, sampling, theme, server, model } = state;
  const [over, setOver] = useState<Over>();
  const close = () => setOver(undefined);
  const { current } = chat;
  const title = titleOf(current);
  const isAnswering = currentId in answering;
  const isDark = theme === "dark" ||
    theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches;

  useEffect(() => {
    document.title = current.messages.length > 0 ? `${title} · nanochat` : "nanochat";
  }, [title]);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  useEffect(() => {
    if (server === "key") setOver("key");
  }, [server]);
  useEffect(() => {
    const stop = (event: KeyboardEvent) => event.key === "Escape" && !over && chat.stop();
    document.addEventListener("keydown", stop);
    return () => document.removeEventListener("keydown", stop);
  }, [over]);

  // Where a finger would bring up a keyboard over what is to be read, nobody is made to write.
  const write = () => {
    close();
    if (matchMedia("(hover: none)").matches) return;
    setTimeout(() => document.getElementById("message")!.focus());
  };
  const sidebar = (
    <Sidebar
      conversations={conversations}
      currentId={currentId}
      onBegin={() => {
        chat.begin();
        write();
      }}
      onSelect={(id) => {
        chat.select(id);
        write();
      }}
      onRename={(id, name) => chat.rename(id, name)}
      onRemove={(id) => {
        chat.remove(id);
        write();
      }}
    />
  );
  return (
    <>
      <a class="skip" href="#message">Skip to the message</a>
      <aside aria-label="nanochat">
        <p class="brand">nanochat</p>
        {sidebar}
      </aside>
      <main>
        <header>
          <span class="narrow">
            <IconButton
              name="menu"
              label="Conversations"
              onClick={() => setOver("conversations")}
            />
          </span>
          <h1>{title}</h1>
          {model && <span class="model">{model.id}</span>}
          <IconButton
            name={isDark ? "light" : "dark"}
            label={isDark ? "Light colours" : "Dark colours"}
            onClick={() => chat.setTheme(isDark ? "light" : "dark")}
          />
          <IconButton name="sliders" label="Settings" onClick={() => setOver("settings")} />
        </header>
        {STANDS[server] && <p class="banner" role="status">{STANDS[server]}</p>}
        {!state.isKept && (
          <p class="banner" role="status">
            This browser cannot keep more: what is said now is lost when the page is closed.
          </p>
        )}
        <Thread
          conversation={current}
          progress={answering[currentId]}
          onSend={(text) => chat.send(text)}
          onEdit={(index, text) => {
            chat.edit(index, text);
            write();
          }}
          onAgain={() => {
            chat.regenerate();
            write();
          }}
          onKey={() => setOver("key")}
        />
        <div class="foot">
          <Composer
            isAnswering={isAnswering}
            onSend={(text) => chat.send(text)}
            onStop={() => {
              chat.stop();
              write();
            }}
          />
          <p>Small models make things up. Check what matters.</p>
        </div>
      </main>
      <p class="hidden" role="status">{state.announcement}</p>
      {over === "conversations" && (
        <Dialog title="Conversations" class="drawer" onClose={close}>{sidebar}</Dialog>
      )}
      {over === "settings" && (
        <Settings
          system={current.system}
          sampling={sampling}
          defaults={model?.defaults ?? {}}
          theme={theme}
          onSystem={(text) => chat.setSystem(text)}
          onSampling={(changed) => chat.setSampling(changed)}
          onTheme={(chosen) => chat.setTheme(chosen)}
          onClose={close}
        />
      )}
      {over === "key" && (
        <Key
          isWrong={state.isKeyWrong}
          onKey={(key) => {
            chat.setKey(key);
            write();
          }}
          onClose={close}
        />
      )}
    </>
  );
}

/** The state, and the page shown anew when it changes. */
function useChat(chat: Chat): ChatState {
  const [state, setState] = useState(chat.state);
  useEffect(() => chat.subscribe(() => setState(chat.state)), [chat]);
  return state;
}
