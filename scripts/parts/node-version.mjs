// Imported first, so that an old Node is refused before it meets anything it does not know.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `✗ Node 20.19 or newer is needed, this is ${process.versions.node}: see https://nodejs.org\n`,
  );
  process.exit(1);
}
