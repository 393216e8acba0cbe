/** How flag and argument definitions such as `--seed <n:integer>` become types. */

interface ValueTypes {
  number: number;
  integer: number;
  string: string;
  boolean: boolean;
  file: string;
}

type ValueOf<Type extends string> = Type extends keyof ValueTypes ? ValueTypes[Type]
  : unknown;

/** The type of a `<name:type>` or `<name>`. */
type ArgumentValue<Definition extends string> = Definition extends `${string}:${infer Type}>`
  ? ValueOf<Type>
  : Definition extends `${string}:${infer Type}]` ? ValueOf<Type>
  : string;

type CamelCase<Text extends string> = Text extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Text;

type FlagName<Flags extends string> = Flags extends `${string}--${infer Name} ${"<" | "["}${string}`
  ? CamelCase<Name>
  : Flags extends `${string}--${infer Name}` ? CamelCase<Name>
  : never;

type FlagValue<Flags extends string> = Flags extends `${string} <${infer Definition}`
  ? ArgumentValue<Definition>
  : Flags extends `${string} [${infer Definition}` ? ArgumentValue<Definition> | true
  : true;

type Collected<Value, Collect> = Collect extends true ? Value[] : Value;

/** The options `Options` together with the one that `Flags` defines. */
export type WithOption<
  Options,
  Flags extends string,
  Required,
  Collect,
  Default,
> =
  & Options
  & (Required extends true ? { [Name in FlagName<Flags>]: Collected<FlagValue<Flags>, Collect> }
    : Default extends undefined
      ? { [Name in FlagName<Flags>]?: Collected<FlagValue<Flags>, Collect> }
    : {
      [Name in FlagName<Flags>]: Collected<FlagValue<Flags>, Collect> | Default;
    });

/** The tuple that `<input:string> [output:string] [...rest:number]` defines. */
export type ArgumentsOf<Definition extends string> = Definition extends
  `${infer Head} ${infer Tail}` ? [...Argument<Head>, ...ArgumentsOf<Tail>]
  : Argument<Definition>;

type Argument<Definition extends string> = Definition extends `[...${string}`
  ? ArgumentValue<Definition>[]
  : Definition extends `[${string}` ? [ArgumentValue<Definition>?]
  : [ArgumentValue<Definition>];
