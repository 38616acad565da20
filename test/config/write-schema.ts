/** Writes config/plexus.schema.json anew: `bun test/config/write-schema.ts && bun run fix`. */
import { configSchema } from '../../src/config/table.ts';

const file = new URL('../../config/plexus.schema.json', import.meta.url);
await Bun.write(file, `${JSON.stringify(configSchema(), null, 2)}\n`);
