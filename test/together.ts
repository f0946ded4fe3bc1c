// Runs the test files that it is told of in this one process.
import path from "node:path";

for (const file of process.argv.slice(2)) await import(path.resolve(file));
