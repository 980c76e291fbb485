import colours from "picocolors";

/** The longest name of a part, kube-controller-manager, and a gap. */
const nameWidth = 25;

/** One line about one part of the cluster: `kube-apiserver           started`. */
export function tellPart(name: string, text: string): void {
  console.log(`  ${colours.bold(name.padEnd(nameWidth))}${text}`);
}
