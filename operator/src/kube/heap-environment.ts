/**
 * Variables of the operator's image by which JavaScriptCore keeps its heap small (Bun hands it what begins with
 * `BUN_JSC_`; Source/JavaScriptCore/runtime/OptionsList.h). Bun promises nothing about them and refuses to start
 * with one that it does not know: a test asks the pinned version. A pass makes some 2 MB of garbage, and passes come
 * in bursts. Left to itself the engine lets the heap double or treble and looks at young objects only, while what
 * those passes had in hand piles up among the old ones. With 200 profiles it stood at 128 MB resident and went up to
 * 147 MB; with these at 115 MB, at most 122 MB, for half a per cent of a core more (measured with the
 * image's program).
 */
export const heapEnvironment = {
  /** The factors below hold whatever the memory of the machine: by default not from 16 GiB on. */
  BUN_JSC_heapGrowthFunctionThresholdInMB: "1000000000",
  /** After a collection the heap may grow by 30 % until the next one; default 100 %. */
  BUN_JSC_smallHeapGrowthFactor: "1.3",
  /** The next collection looks at all objects once the old ones are 13 % more; the default would do so each time. */
  BUN_JSC_minEdenToOldGenerationRatio: "0.21",
} as const;
