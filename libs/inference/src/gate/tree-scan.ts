import type { Attributes } from './attributes.js';

/** What a model of ai.onnx.ml reads of its input. */
export interface ColumnsRead {
  /** So many columns at least. */
  readonly columns: number;
  /** Whether it must have exactly so many. */
  readonly isExact: boolean;
}

const MODES = new Set('BRANCH_LEQ BRANCH_LT BRANCH_GTE BRANCH_GT BRANCH_EQ BRANCH_NEQ LEAF'.split(' '));
/** TreeEnsemble.nodes_modes that is followed by a set of values. */
const MEMBER = 6;
/** A runtime makes room for as many answers of each row. */
const MAX_TARGETS = 10_000;
/** The nodes of one tree, from the place of the first to that behind the last. */
interface Tree {
  readonly from: number;
  readonly to: number;
  /** Places by node id; absent where ids count from 0 in the order of the nodes. */
  readonly places?: ReadonlyMap<number, number>;
}

/**
 * Checks what a runtime would follow without looking: TreeEnsembleClassifier and TreeEnsembleRegressor of ai.onnx.ml.
 * Lists belong to the same nodes, each tree begins with its root and has no cycle, children, weights and classes are
 * there. Nodes may share a child, as in exports of LightGBM.
 * @param classes number of classes; undefined for a regressor
 * @throws GraphRefused
 */
export function checkTrees(attributes: Attributes, classes: number | undefined): ColumnsRead {
  const treeIds = attributes.integers('nodes_treeids');
  const nodeIds = attributes.integers('nodes_nodeids');
  const count = treeIds.length;
  if (count === 0) throw attributes.refused('no nodes');
  const features = attributes.integers('nodes_featureids');
  const trueIds = attributes.integers('nodes_truenodeids');
  const falseIds = attributes.integers('nodes_falsenodeids');
  const isLeaf = readModes(attributes, count);
  checkLengths(attributes, count, 'nodes_treeids', {
    nodes_nodeids: nodeIds.length,
    nodes_featureids: features.length,
    nodes_truenodeids: trueIds.length,
    nodes_falsenodeids: falseIds.length,
    nodes_values: floatsOf(attributes, 'nodes_values'),
  });
  checkLengths(
    attributes,
    count,
    'nodes_treeids',
    {
      nodes_hitrates: floatsOf(attributes, 'nodes_hitrates'),
      nodes_missing_value_tracks_true: attributes.integers('nodes_missing_value_tracks_true').length,
    },
    true,
  );

  const trees = new Map<number, Tree>();
  const parents = new Int32Array(count);
  const children = [new Int32Array(count), new Int32Array(count)] as const;
  let columns = 0;
  let orphan: string | undefined;
  for (let from = 0; from < count;) {
    const id = treeIds[from]!;
    const tree = readTree(attributes, trees, treeIds, nodeIds, from);
    const childOf = (node: number, child: number): number => {
      const place = placeOf(tree, child);
      if (place === undefined) {
        throw attributes.refused(
          `the child ${child} of node ${nodeIds[node]} in tree ${id}, which has no such node`,
        );
      }
      parents[place]!++;
      return place;
    };
    trees.set(id, tree);
    for (let node = from; node < tree.to; node++) {
      if (isLeaf[node]) continue;
      columns = Math.max(columns, 1 + featureOf(attributes, features, node));
      children[0][node] = childOf(node, trueIds[node]!);
      children[1][node] = childOf(node, falseIds[node]!);
    }
    if (parents[from]! > 0)
      throw attributes.refused(`a node before the root of tree ${id}, or a cycle in it`);
    const apart = parents.subarray(from + 1, tree.to).indexOf(0);
    if (apart >= 0) orphan ??= `the node ${nodeIds[from + 1 + apart]} of tree ${id}, to which no other leads`;
    from = tree.to;
  }
  checkAcyclic(attributes, isLeaf, parents, children);
  // onnxruntime gives the weights of such a node to the first one of all.
  if (orphan) throw attributes.refused(orphan);
  checkWeights(attributes, trees, isLeaf, classes);
  return { columns, isExact: false };
}

/** Checks TreeEnsemble of ai.onnx.ml 5 in the same way; here nodes share no child that is a node. @throws GraphRefused */
export function checkTreeEnsemble(attributes: Attributes): ColumnsRead {
  const features = attributes.integers('nodes_featureids');
  const count = features.length;
  if (count === 0) throw attributes.refused('no nodes');
  const sides = (['true', 'false'] as const).map((side) => ({
    list: `nodes_${side}nodeids`,
    ids: attributes.integers(`nodes_${side}nodeids`),
    areLeaves: attributes.integers(`nodes_${side}leafs`),
  }));
  const leafTargets = attributes.integers('leaf_targetids');
  checkLengths(attributes, count, 'nodes_featureids', {
    nodes_modes: attributes.tensor('nodes_modes')?.size ?? 0,
    nodes_splits: attributes.tensor('nodes_splits')?.size ?? 0,
    nodes_truenodeids: sides[0]!.ids.length,
    nodes_falsenodeids: sides[1]!.ids.length,
    nodes_trueleafs: sides[0]!.areLeaves.length,
    nodes_falseleafs: sides[1]!.areLeaves.length,
  });
  checkLengths(
    attributes,
    count,
    'nodes_featureids',
    {
      nodes_hitrates: attributes.tensor('nodes_hitrates')?.size ?? 0,
      nodes_missing_value_tracks_true: attributes.integers('nodes_missing_value_tracks_true').length,
    },
    true,
  );
  const leaves = leafTargets.length;
  checkLengths(attributes, leaves, 'leaf_targetids', {
    leaf_weights: attributes.tensor('leaf_weights')?.size ?? 0,
  });
  checkIds(attributes, 'leaf_targetids', leafTargets, targetsOf(attributes), 'targets');

  // A node that only one other node or only one root names is in no cycle that a root leads to.
  const named = new Uint8Array(count);
  const name = (node: number, list: string) => {
    if (node < 0 || node >= count)
      throw attributes.refused(`the node ${node} in ${list}, and ${count} nodes`);
    if (named[node] === 1) throw attributes.refused(`a cycle, or two ways to node ${node}`);
    named[node] = 1;
  };
  const roots = attributes.integers('tree_roots');
  if (roots.length === 0) throw attributes.refused('no tree_roots');
  for (const root of roots) name(root, 'tree_roots');
  let columns = 0;
  for (let node = 0; node < count; node++) {
    columns = Math.max(columns, 1 + featureOf(attributes, features, node));
    for (const { list, ids, areLeaves } of sides) {
      const child = ids[node]!;
      if (!areLeaves[node]) name(child, list);
      else if (child < 0 || child >= leaves)
        throw attributes.refused(`the leaf ${child} in ${list}, and ${leaves} leaves`);
    }
  }
  checkMembers(attributes);
  return { columns, isExact: false };
}

function featureOf(attributes: Attributes, features: Int32Array, node: number): number {
  const feature = features[node]!;
  if (feature < 0) throw attributes.refused(`the negative feature ${feature} in nodes_featureids`);
  return feature;
}

function readModes(attributes: Attributes, count: number): Uint8Array {
  const isLeaf = new Uint8Array(count);
  let read = 0;
  for (const mode of attributes.texts('nodes_modes')) {
    if (!MODES.has(mode))
      throw attributes.refused(`the unknown mode ${JSON.stringify(mode.slice(0, 80))} in nodes_modes`);
    if (read < count) isLeaf[read] = mode === 'LEAF' ? 1 : 0;
    read++;
  }
  checkLengths(attributes, count, 'nodes_treeids', { nodes_modes: read });
  return isLeaf;
}

/** The tree whose first node stands at `from`. */
function readTree(
  attributes: Attributes,
  trees: ReadonlyMap<number, Tree>,
  treeIds: Int32Array,
  nodeIds: Int32Array,
  from: number,
): Tree {
  const id = treeIds[from]!;
  // Runtimes take the first node of each run of nodes for a root.
  if (trees.has(id)) throw attributes.refused(`nodes of tree ${id} that do not stand together`);
  let to = from;
  let isInOrder = true;
  for (; to < treeIds.length && treeIds[to] === id; to++) isInOrder &&= nodeIds[to] === to - from;
  if (isInOrder) return { from, to };
  const places = new Map<number, number>();
  for (let node = from; node < to; node++) {
    const nodeId = nodeIds[node]!;
    if (places.has(nodeId)) throw attributes.refused(`the node ${nodeId} of tree ${id} twice`);
    places.set(nodeId, node);
  }
  return { from, to, places };
}

function placeOf({ from, to, places }: Tree, nodeId: number): number | undefined {
  if (places) return places.get(nodeId);
  return nodeId >= 0 && nodeId < to - from ? from + nodeId : undefined;
}

/** Takes away nodes that no node leads to, again and again (Kahn 1962): what stays is a cycle. */
function checkAcyclic(
  attributes: Attributes,
  isLeaf: Uint8Array,
  parents: Int32Array,
  children: readonly Int32Array[],
): void {
  const queue = new Int32Array(parents.length);
  let known = 0;
  for (let node = 0; node < parents.length; node++) if (parents[node] === 0) queue[known++] = node;
  for (let done = 0; done < known; done++) {
    const node = queue[done]!;
    if (isLeaf[node]) continue;
    for (const side of children) if (--parents[side[node]!]! === 0) queue[known++] = side[node]!;
  }
  if (known < parents.length) throw attributes.refused('a tree with a cycle');
}

/** What the leaves answer, and of what. */
function checkWeights(
  attributes: Attributes,
  trees: ReadonlyMap<number, Tree>,
  isLeaf: Uint8Array,
  classes: number | undefined,
): void {
  const kind = classes === undefined ? 'target' : 'class';
  const targets = classes ?? targetsOf(attributes);
  const ids = attributes.integers(`${kind}_ids`);
  const treeIds = attributes.integers(`${kind}_treeids`);
  const nodeIds = attributes.integers(`${kind}_nodeids`);
  checkLengths(attributes, ids.length, `${kind}_ids`, {
    [`${kind}_treeids`]: treeIds.length,
    [`${kind}_nodeids`]: nodeIds.length,
    [`${kind}_weights`]: floatsOf(attributes, `${kind}_weights`),
  });
  checkIds(attributes, `${kind}_ids`, ids, targets, kind === 'class' ? 'classes' : 'targets');
  const isWeighted = new Uint8Array(isLeaf.length);
  /** The place of the node and the class or target of each weight, as one number. */
  const keys = new Float64Array(ids.length);
  for (let at = 0; at < ids.length; at++) {
    const tree = trees.get(treeIds[at]!);
    const place = tree && placeOf(tree, nodeIds[at]!);
    if (place === undefined) {
      throw attributes.refused(`a weight for node ${nodeIds[at]} of tree ${treeIds[at]}, which is not there`);
    }
    isWeighted[place] = 1;
    keys[at] = place * targets + ids[at]!;
  }
  // The standard adds weights up that are for the same, and onnxruntime takes one of them.
  if (hasTwice(keys)) throw attributes.refused(`two weights of a leaf for the same ${kind}`);
  checkSilentLeaves(attributes, isLeaf, isWeighted);
  const base = floatsOf(attributes, 'base_values');
  // A classifier of two classes may have one score for both.
  if (![0, targets].includes(base) && !(classes === 2 && base === 1)) {
    throw attributes.refused(
      `${base} base_values for ${targets} ${kind === 'class' ? 'classes' : 'targets'}`,
    );
  }
}

/** To the standard a leaf without weights says nothing, and to onnxruntime what `nodes_values` says of it. */
function checkSilentLeaves(attributes: Attributes, isLeaf: Uint8Array, isWeighted: Uint8Array): void {
  const isSilent = isLeaf.map((is, place) => (is && !isWeighted[place] ? 1 : 0));
  if (!isSilent.includes(1)) return;
  if (/^M(IN|AX)$/.test(attributes.text('aggregate_function') ?? ''))
    throw attributes.refused('a leaf without a weight, and takes the least or the largest of them');
  let place = 0;
  for (const name of ['nodes_values', 'nodes_values_as_tensor']) {
    for (const value of name === 'nodes_values' ? attributes.floatValues(name) : attributes.numbers(name)) {
      if (value !== 0 && isSilent[place])
        throw attributes.refused(`a leaf without a weight, and ${value} for it in ${name}`);
      place++;
    }
  }
}

function hasTwice(numbers: Float64Array): boolean {
  const rises = (sorted: Float64Array) => sorted.every((value, at) => at === 0 || value > sorted[at - 1]!);
  // Exporters write them in this order.
  return !rises(numbers) && !rises(numbers.sort());
}

/** The sets of the nodes that ask for members are lists of values, with a NaN between them. */
function checkMembers(attributes: Attributes): void {
  let sets = 0;
  for (const mode of attributes.numbers('nodes_modes')) {
    if (mode > MEMBER) throw attributes.refused(`the unknown mode ${mode} in nodes_modes`);
    if (mode === MEMBER) sets++;
  }
  let found = 0;
  let isInSet = false;
  for (const value of attributes.numbers('membership_values')) {
    if (!isInSet && Number.isNaN(value)) throw attributes.refused('an empty set in membership_values');
    if (!isInSet) found++;
    isInSet = !Number.isNaN(value);
  }
  if (found !== sets) throw attributes.refused(`${found} sets in membership_values for ${sets} nodes`);
}

function targetsOf(attributes: Attributes): number {
  const targets = attributes.integer('n_targets') ?? 0;
  if (targets < 1 || targets > MAX_TARGETS)
    throw attributes.refused(`${targets} n_targets; 1 to ${MAX_TARGETS} are taken`);
  return targets;
}

function checkIds(attributes: Attributes, list: string, ids: Int32Array, count: number, what: string): void {
  const wrong = ids.find((id) => id < 0 || id >= count);
  if (wrong !== undefined) throw attributes.refused(`${wrong} in ${list}, and ${count} ${what}`);
}

/** A list of floats may be a tensor instead, for doubles. */
function floatsOf(attributes: Attributes, name: string): number {
  const tensor = attributes.tensor(`${name}_as_tensor`)?.size ?? 0;
  const floats = attributes.floats(name);
  if (tensor > 0 && floats > 0) throw attributes.refused(`both ${name} and ${name}_as_tensor`);
  return tensor || floats;
}

function checkLengths(
  attributes: Attributes,
  count: number,
  list: string,
  lengths: Readonly<Record<string, number>>,
  mayBeAbsent = false,
): void {
  for (const [name, length] of Object.entries(lengths)) {
    if (length === count || (mayBeAbsent && length === 0)) continue;
    throw attributes.refused(`${length} ${name} and ${count} ${list}`);
  }
}
