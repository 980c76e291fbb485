import { serviceMetrics } from "@mestore/contract/metrics";
import type {
  PublishedSeries,
  SourceFault,
} from "../src/metrics-source/metrics-source.contract.ts";

/** A page of a service's exposition, as tests publish it. */
export function formatPage(series: readonly PublishedSeries[]): string {
  return series
    .map(({ name, labels, value }) => {
      const text = Object.entries(labels)
        .map(([label, own]) => `${label}=${JSON.stringify(own)}`)
        .join(",");
      return `${name}{${text}} ${value === Infinity ? "+Inf" : value}\n`;
    })
    .join("");
}

/** The series that tell how old a page is and which process wrote it. */
export function processSeries(nowSeconds: number, startSeconds: number): PublishedSeries[] {
  return [
    { name: serviceMetrics.collectedAt.name, labels: {}, value: nowSeconds },
    { name: serviceMetrics.processStart.name, labels: {}, value: startSeconds },
  ];
}

/** What a page looks like under a fault; null where the fault is that there is no page. */
export function formatFaultyPage(fault: SourceFault, nowSeconds: number): string | null {
  const page = (value: number, atSeconds = nowSeconds) =>
    formatPage([
      {
        name: serviceMetrics.cacheLookups.name,
        labels: { class: "product", outcome: "hit" },
        value,
      },
      ...processSeries(atSeconds, 1),
    ]);
  switch (fault) {
    case "unreachable":
    case "serverError":
    case "timeout":
      return null;
    case "invalid":
      return "<html>502 Bad Gateway</html>";
    case "empty":
      return "# HELP nothing here\n";
    case "notANumber":
      return page(Number.NaN);
    case "infinite":
      return page(Infinity);
    case "stale":
      return page(1, nowSeconds - 61);
    case "ambiguous":
      return page(1) + page(2);
  }
}
