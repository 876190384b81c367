import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

/** Functions that make an error out of words. */
const makers = new Set(['malformed', 'corrupt', 'ImpulsError']);

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

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'wording', wording)];
