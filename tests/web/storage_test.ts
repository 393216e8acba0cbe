import { assert, assertEquals } from "@std/assert";
import { newConversation } from "../../web/chat/conversation.ts";
import { Keep, type Texts } from "../../web/chat/storage.ts";

/** A browser's storage with room for some characters. */
function texts(room = Infinity): Texts & { kept: Map<string, string> } {
  const kept = new Map<string, string>();
  return {
    kept,
    getItem: (key) => kept.get(key) ?? null,
    setItem(key, value) {
      if (value.length > room) throw new DOMException("full", "QuotaExceededError");
      kept.set(key, value);
    },
    removeItem: (key) => kept.delete(key),
    key: (i) => [...kept.keys()][i] ?? null,
    get length() {
      return kept.size;
    },
  };
}

Deno.test("conversations are kept one by one, and what is none of ours is left alone", () => {
  const storage = texts();
  storage.kept.set("another", "page's");
  storage.kept.set("nanochat.conversation.damaged", '{"id":');
  storage.kept.set("nanochat.conversation.strange", '{"id":"x","messages":[null]}');
  const keep = new Keep(() => storage), other = new Keep(() => storage);
  const [a, b] = [newConversation(), newConversation()];
  keep.setConversation({ ...a, updated: 1 });
  other.setConversation({ ...b, updated: 2 });
  assertEquals(keep.conversations().map(({ id }) => id), [b.id, a.id]);
  keep.removeConversation(b.id);
  assertEquals(other.conversations(), [{ ...a, updated: 1 }]);
  assertEquals(storage.kept.get("another"), "page's");
});

Deno.test("a storage that is full or blocked is told, and never an error", () => {
  const full = new Keep(() => texts(10));
  assert(full.isKept);
  full.setConversation(newConversation());
  assert(!full.isKept);
  full.set("theme", "dark");
  assert(full.isKept);
  assertEquals(full.get("theme"), "dark");

  const blocked = new Keep(() => {
    throw new DOMException("blocked", "SecurityError");
  });
  blocked.set("theme", "dark");
  assert(!blocked.isKept);
  assertEquals([blocked.get("theme"), blocked.conversations()], [undefined, []]);
});
