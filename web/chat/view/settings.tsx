/** What a person sets: for the conversation that is shown, for all answers, and for the page. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Theme } from "../chat.ts";
import {
  parseSetting,
  type Sampling,
  SAMPLING_FIELDS,
  type SamplingField,
  wantedOf,
} from "../sampling.ts";
import { Dialog } from "./dialog.tsx";

/** What the settings are told. */
export interface SettingsProps {
  system: string;
  sampling: Sampling;
  /** What the server does where nothing is set. */
  defaults: Sampling;
  theme: Theme;
  onSystem(text: string): void;
  onSampling(sampling: Sampling): void;
  onTheme(theme: Theme): void;
  onClose(): void;
}

const THEMES: [Theme, string][] = [["system", "System"], ["light", "Light"], ["dark", "Dark"]];

/** Each setting counts as soon as it is typed. */
export function Settings(props: SettingsProps): JSX.Element {
  const { system, sampling, defaults, theme, onSystem, onSampling, onTheme, onClose } = props;
  return (
    <Dialog title="Settings" onClose={onClose}>
      <label class="field">
        <span>System text of this chat</span>
        <textarea
          rows={3}
          dir="auto"
          value={system}
          placeholder="What the model is told before everything else"
          onInput={(event) => onSystem(event.currentTarget.value)}
        />
      </label>
      <fieldset class="sampling">
        <legend>Answers</legend>
        {SAMPLING_FIELDS.map((field) => (
          <Setting
            key={field.name}
            field={field}
            value={sampling[field.name]}
            byDefault={defaults[field.name]}
            onChange={(value) => onSampling({ ...sampling, [field.name]: value })}
          />
        ))}
      </fieldset>
      <fieldset class="themes">
        <legend>Colours</legend>
        {THEMES.map(([name, label]) => (
          <label key={name}>
            <input
              type="radio"
              name="theme"
              checked={theme === name}
              onChange={() => onTheme(name)}
            />
            {label}
          </label>
        ))}
      </fieldset>
    </Dialog>
  );
}

interface SettingProps {
  field: SamplingField;
  value: number | undefined;
  byDefault: number | undefined;
  onChange(value: number | undefined): void;
}

/** A number that may be left out; one that the setting does not take is told and not used. */
function Setting({ field, value, byDefault, onChange }: SettingProps): JSX.Element {
  const { name, label, hint } = field;
  const [typed, setTyped] = useState(value === undefined ? "" : String(value));
  const isWrong = typed.trim() !== "" && parseSetting(field, typed) === undefined;
  return (
    <label class="field">
      <span>{label}</span>
      <input
        inputMode="decimal"
        autocomplete="off"
        name={name}
        value={typed}
        placeholder={byDefault === undefined ? "" : String(byDefault)}
        aria-invalid={isWrong}
        onInput={({ currentTarget }) => {
          setTyped(currentTarget.value);
          onChange(parseSetting(field, currentTarget.value));
        }}
      />
      <small class={isWrong ? "wrong" : ""}>{isWrong ? wantedOf(field) : hint}</small>
    </label>
  );
}
