/**
 * How Node is started: what a request leaves lies in a young generation of 16 to 32 MB, in which most of it has died
 * before it is looked at. The same stands in `package.json` and the `Dockerfile`.
 * https://nodejs.org/api/cli.html#--max-semi-space-sizesize-in-mib
 */
export const nodeFlags = ["--min-semi-space-size=16", "--max-semi-space-size=32"] as const;
