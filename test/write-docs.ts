/** `bun run docs`: writes the configuration reference into the README, from the schema. */
import { configSchema } from '../src/config/table.ts';
import { reference, withReference } from './support/reference.ts';

const README = new URL('../README.md', import.meta.url).pathname;

const readme = await Bun.file(README).text();
await Bun.write(README, withReference(readme, reference(configSchema())));
console.log('the configuration reference is written to README.md');
