/**
 * The same value without members that are null or undefined, at any depth: an answer says what is
 * there. Elements of arrays stay, since their places mean something.
 */
export function removeNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(removeNulls);
  if (typeof value !== "object" || value === null) return value;
  const kept: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value))
    if (member !== null && member !== undefined) kept[name] = removeNulls(member);
  return kept;
}
