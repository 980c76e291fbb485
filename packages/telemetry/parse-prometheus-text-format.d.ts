/** Types of the parser that the tests hold our exposition against; for text without types. */
declare module "parse-prometheus-text-format" {
  interface Family {
    readonly name: string;
    readonly metrics: readonly {
      readonly value: string;
      readonly labels?: Readonly<Record<string, string>>;
    }[];
  }
  export default function parse(text: string): readonly Family[];
}
