/** Node's zlib, loaded when something is packed or unpacked: it takes 2 MB (bench: memory, idle). */
export function zlib(): typeof import('node:zlib') {
  return process.getBuiltinModule('node:zlib');
}
