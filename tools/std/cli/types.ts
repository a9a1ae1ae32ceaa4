/** Names to their other names. */
export type Aliases = Readonly<Record<string, string | readonly string[]>>;

/** The options of `parseArgs`. */
export type ParseOptions<
  TBooleans extends boolean | string | undefined = boolean | string | undefined,
  TStrings extends string | undefined = string | undefined,
  TCollectable extends string | undefined = string | undefined,
  TNegatable extends string | undefined = string | undefined,
  TDefault extends Record<string, unknown> | undefined = Record<string, unknown> | undefined,
  TAliases extends Aliases | undefined = Aliases | undefined,
  TDoubleDash extends boolean | undefined = boolean | undefined,
> = {
  /** Put what follows `--` into `"--"` instead of `_`. */
  "--"?: TDoubleDash;
  /** Other names of a name. */
  alias?: TAliases;
  /** Names that take no value; `true`: every `--name` without `=`. */
  boolean?: TBooleans | ReadonlyArray<Extract<TBooleans, string>>;
  /** Values of what is absent. */
  default?: TDefault;
  /** Put everything from the first non-option on into `_`. */
  stopEarly?: boolean;
  /** Names whose values stay text; `"_"` for the non-options. */
  string?: TStrings | ReadonlyArray<Extract<TStrings, string>>;
  /** Names that keep every value given. */
  collect?: TCollectable | ReadonlyArray<Extract<TCollectable, string>>;
  /** Names that `--no-name` sets to `false`. */
  negatable?: TNegatable | ReadonlyArray<Extract<TNegatable, string>>;
  /** Called with what was not declared: the argument, and for an option its name and value. `false` drops it. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
};

/** What `parseArgs` returns. */
export type Args<
  // deno-lint-ignore no-explicit-any
  TArgs = Record<string, any>,
  TDoubleDash extends boolean | undefined = undefined,
> =
  & TArgs
  & {
    /** The non-options. */
    _: Array<string | number>;
  }
  & (TDoubleDash extends true ? { "--": string[] } : unknown);

/** The declared names with their types; everything is `any` if nothing is declared. */
export type Values<B, S, C, N, D, A> = [Declared<B> | Declared<S> | Declared<C>] extends [never]
  // deno-lint-ignore no-explicit-any
  ? Record<string, any>
  : Record<string, unknown> & Named<B, S, C, N, D> & Aliased<Named<B, S, C, N, D>, A>;

type Declared<T> = Extract<T, string | true>;
type Name<T> = Extract<T, string>;

/** Strings without a default may be absent; all else is there. */
type Named<B, S, C, N, D> =
  & { [K in Exclude<Name<S>, Name<C> | keyof D>]?: string | Negated<K, N> }
  & {
    [K in Exclude<Name<B> | Name<C>, Name<S>> | Extract<Name<S>, Name<C>>]:
      | Declarations<K, B, S, C>
      | Negated<K, N>
      | Default<K, D>;
  }
  & {
    [K in Exclude<Extract<keyof D, string>, Name<B> | Name<C>>]: K extends Name<S>
      ? string | Negated<K, N> | D[K & keyof D]
      : unknown;
  };

type Declarations<K, B, S, C> = K extends Name<C> ? Item<K, B, S>[] : Item<K, B, S>;
type Item<K, B, S> = K extends Name<S> ? string : K extends Name<B> ? boolean : unknown;
type Negated<K, N> = K extends Name<N> ? false : never;
type Default<K, D> = K extends keyof D ? D[K] : never;

/** The same again under the other names. */
type Aliased<T, A> = A extends Aliases ? {
    [K in keyof T & keyof A as A[K] extends readonly string[] ? A[K][number] : Name<A[K]>]: T[K];
  }
  : unknown;
