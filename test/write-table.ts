/** `bun run table`: runs the matrix and writes its figures into the README. */
import { measure, section, withSection } from './support/table.ts';

const README = new URL('../README.md', import.meta.url).pathname;

const figures = await measure();
const today = new Date().toISOString().slice(0, 10);
await Bun.write(README, withSection(await Bun.file(README).text(), section(figures, today)));
for (const problem of figures.problems) console.error(problem);
console.log(`${figures.passed} of ${figures.all} cells pass; written to README.md`);
process.exit(figures.problems.length === 0 ? 0 : 1);
