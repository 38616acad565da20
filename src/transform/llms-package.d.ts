/** The one export of `@musistudio/llms`, which ships no types. Constructing a `Server` opens no port. */
declare module '@musistudio/llms' {
  import type { TransformerService } from './llms.ts';

  // biome-ignore lint/style/noDefaultExport: the package's export, not ours.
  export default class Server {
    constructor(options: { logger: false; initialConfig: { providers: [] } });
    readonly transformerService: TransformerService;
  }
}
