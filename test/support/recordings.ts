/**
 * Recorded traffic of providers is not part of this repository: what compares with it is skipped
 * where it is absent. `PLEXUS_RECORDINGS` names the folder, which holds `<format>/<case>/` with
 * `request.json` and `response.json` or `response.sse`.
 */
import { join } from 'node:path';

export const RECORDINGS =
  process.env['PLEXUS_RECORDINGS'] ?? join(import.meta.dir, '../recordings');
