/** What other capabilities and the app use of the vendors. */
export { createVendorRoutes, type VendorDependencies } from "./routes.ts";
