/** Begins the page. */
import { render } from "preact";
import { Chat } from "./chat.ts";
import { App } from "./view/app.tsx";

const chat = new Chat();
addEventListener("storage", () => chat.readAgain());
addEventListener("pagehide", () => chat.leave());
// Going back to the page may show it as it was left.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
document.documentElement.dataset.theme = chat.state.theme;
render(<App chat={chat} />, document.getElementById("app")!);
chat.connect();
