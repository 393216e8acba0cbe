/** A dialog over the page: the browser keeps the focus in it and closes it with Escape. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { IconButton } from "./icons.tsx";

/** What a dialog is told. */
export interface DialogProps {
  title: string;
  class?: string;
  onClose(): void;
  children: ComponentChildren;
}

/** Is open as long as it is there. A click beside it closes it. */
export function Dialog({ title, class: name = "", onClose, children }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current!.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class={name}
      aria-label={title}
      onClose={onClose}
      onClick={({ target }) => target === dialog.current && dialog.current!.close()}
    >
      <div class="dialog">
        <div class="dialog-head">
          <h2>{title}</h2>
          <IconButton name="close" label="Close" onClick={() => dialog.current!.close()} />
        </div>
        {children}
      </div>
    </dialog>
  );
}
