import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

/** Functions that make an error out of words. */
const makers = new Set(['malformed', 'corrupt', 'failed', 'ImpulsError']);

/**
 * Leaves alone what an error says: the words are for people, and a test that repeats them would only have to be changed with
 * them. The codes, which are for programs, are changed like any other text.
 */
const wording = {
  shouldIgnore(path) {
    if (!path.isStringLiteral() && !path.isTemplateLiteral() && !path.isObjectExpression()) return undefined;
    const call = path.parentPath;
    if (!call?.isCallExpression() && !call?.isNewExpression()) return undefined;
    if (!makers.has(call.node.callee.name)) return undefined;
    const isCode = call.isNewExpression() && path.key === 0;
    return isCode ? undefined : 'the words of an error are for people';
  },
};

/** One line in so many is changed, always the same ones; and whatever goes over several lines. */
const every = Number(process.env.IMPULS_MUTATION_SAMPLE ?? '1');
const sample = {
  shouldIgnore({ node: { loc } }) {
    if (every <= 1 || !loc || loc.start.line !== loc.end.line) return undefined;
    const place = Math.imul(loc.start.line, 0x9e3779b1) >>> 8;
    return place % every === 0 ? undefined : 'not in the sample';
  },
};

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'wording', wording),
  declareValuePlugin(PluginKind.Ignore, 'sample', sample),
];
