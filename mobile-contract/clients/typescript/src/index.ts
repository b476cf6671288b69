export { MawidClient, type Call, type Options } from "./client.js";
export { ApiProblem, SignedOut, Unreachable, type FieldError } from "./problem.js";
export { MemoryStore, type TokenStore, type Tokens } from "./session.js";
export type { components, paths } from "./schema.js";
