/** What other capabilities and the app use of the catalogue. */
export { type CatalogDependencies, createCatalogRoutes } from "./routes.ts";
