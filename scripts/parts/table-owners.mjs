// Each table belongs to the module, or the part of the platform, that has its entity; nobody else names it in SQL or
// reaches it through TypeORM. What another one needs of it, its owner's service answers.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** Owners of the tables that have no entity: a table's name to a folder such as `src/platform/jobs`. */
const CLAIMED = {};

const CREATED = /\bcreate table (?:if not exists )?(?:public\.)?"?([a-z_]\w*)"?\s*\(/gi;
const FIRST_NAMED =
  /\b(?:from|join|into|update|table|truncate|using)\s+(?:only\s+)?(?:public\.)?"?([a-z_]\w*)"?/gi;
/** What follows in `from a, b` or `from a as x, b as y`. */
const NEXT_NAMED = /(?:\s+(?:as\s+)?[a-z_]\w*)?\s*,\s*(?:public\.)?"?([a-z_]\w*)"?/iy;

/**
 * What is wrong in a tree with `migrations/` and `src/`: each use of a table by another than its owner, and each table
 * without an owner.
 * @param claimed owners of the tables that have no entity
 */
export function foreignTables(root, claimed = CLAIMED) {
  const sources = filesIn(root, 'src').map((file) => ({
    file,
    owner: ownerOf(file),
    tree: parse(root, file),
  }));
  const entities = sources.flatMap(entitiesIn);
  const owners = new Map([...Object.entries(claimed), ...entities.map(({ table, owner }) => [table, owner])]);
  const unowned = filesIn(root, 'migrations')
    .flatMap((file) => [...readFileSync(path.join(root, file), 'utf8').matchAll(CREATED)])
    .map(([, table]) => table)
    .filter((table) => !owners.has(table))
    .map((table) => `the table ${table} has no entity: say in scripts/parts/table-owners.mjs whose it is`);
  return [
    ...unowned,
    ...sources.flatMap((source) => foreignNames(source, owners)),
    ...sources.flatMap((source) => foreignEntities(source, entities)),
  ];
}

/** TypeScript files below a folder, by their paths from the root; without specs, which may look at any table. */
function filesIn(root, folder) {
  if (!existsSync(path.join(root, folder))) return [];
  return readdirSync(path.join(root, folder), { recursive: true })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
    .map((file) => path.posix.join(folder, file.split(path.sep).join('/')))
    .sort();
}

/** `src/modules/models` of a file below it. */
function ownerOf(file) {
  return file.split('/').slice(0, 3).join('/');
}

function parse(root, file) {
  const text = readFileSync(path.join(root, file), 'utf8');
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
}

/** The classes that `@Entity('table')` makes entities. */
function entitiesIn({ file, owner, tree }) {
  return tree.statements.filter(ts.isClassDeclaration).flatMap((found) => {
    const calls = (ts.getDecorators(found) ?? [])
      .map(({ expression }) => expression)
      .filter((call) => ts.isCallExpression(call) && call.expression.getText() === 'Entity');
    return calls.map(({ arguments: [table] }) => ({ file, owner, name: found.name.text, table: table.text }));
  });
}

function foreignNames({ file, owner, tree }, owners) {
  const faults = [];
  const visit = (node) => {
    const text = textOf(node);
    if (text === undefined) return ts.forEachChild(node, visit);
    for (const table of tablesIn(text)) {
      const theirs = owners.get(table);
      if (theirs && theirs !== owner)
        faults.push(`${place(file, tree, node)} names the table ${table} of ${theirs}`);
    }
    // A placeholder may hold a text of its own.
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return faults;
}

/** The text of a string or template, with a space for each placeholder. */
function textOf(node) {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(' ');
}

function tablesIn(sql) {
  const names = new Set();
  for (const match of sql.matchAll(FIRST_NAMED)) {
    names.add(match[1]);
    NEXT_NAMED.lastIndex = match.index + match[0].length;
    for (let next = NEXT_NAMED.exec(sql); next; next = NEXT_NAMED.exec(sql)) names.add(next[1]);
  }
  return names;
}

/** Entities of others that are imported as values; another entity may, for a foreign key. */
function foreignEntities({ file, owner, tree }, entities) {
  if (file.endsWith('.entity.ts')) return [];
  return tree.statements.filter(ts.isImportDeclaration).flatMap((statement) => {
    const { importClause, moduleSpecifier } = statement;
    const bindings = importClause?.namedBindings;
    if (!bindings || importClause.isTypeOnly || !ts.isNamedImports(bindings)) return [];
    const from = path.posix.join(path.posix.dirname(file), moduleSpecifier.text).replace(/\.js$/, '.ts');
    return bindings.elements
      .filter(({ isTypeOnly }) => !isTypeOnly)
      .map(({ name, propertyName }) => (propertyName ?? name).text)
      .flatMap((name) => entities.filter((entity) => entity.file === from && entity.name === name))
      .filter((entity) => entity.owner !== owner)
      .map(
        ({ name, owner: theirs }) => `${place(file, tree, statement)} uses the entity ${name} of ${theirs}`,
      );
  });
}

function place(file, tree, node) {
  return `${file}:${tree.getLineAndCharacterOfPosition(node.getStart()).line + 1}:`;
}
