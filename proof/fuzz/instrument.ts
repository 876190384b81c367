import ts from 'typescript';

/** Where code counts: `globalThis.__hits[branch]++`. One byte a branch, which wraps around. */
export const mostBranches = 1 << 15;

/**
 * Lets every branch of a source of TypeScript count itself: functions, both ways of an `if` and of a conditional, loops, cases,
 * handlers, and what stands behind `&&`, `||` and `??`.
 *
 * @param next the number of another branch
 * @returns JavaScript
 */
export function instrument(source: string, next: () => number): string {
  const transformer: ts.TransformerFactory<ts.SourceFile> = (context) => (file) => {
    const make = context.factory;
    const count = (): ts.Expression =>
      make.createPostfixIncrement(
        make.createElementAccessExpression(
          make.createIdentifier('__hits'),
          make.createNumericLiteral(next()),
        ),
      );
    const counting = (statements: readonly ts.Statement[]) => [
      make.createExpressionStatement(count()),
      ...statements,
    ];
    const block = (statement: ts.Statement | undefined): ts.Block =>
      make.createBlock(
        counting(statement === undefined ? [] : ts.isBlock(statement) ? statement.statements : [statement]),
        true,
      );
    const counted = (expression: ts.Expression): ts.Expression =>
      make.createParenthesizedExpression(make.createComma(count(), expression));

    const visit = (before: ts.Node): ts.Node => {
      const node = ts.visitEachChild(before, visit, context);
      if (ts.isIfStatement(node)) {
        return make.updateIfStatement(
          node,
          node.expression,
          block(node.thenStatement),
          block(node.elseStatement),
        );
      }
      if (ts.isConditionalExpression(node)) {
        const { condition, questionToken, whenTrue, colonToken, whenFalse } = node;
        const [yes, no] = [counted(whenTrue), counted(whenFalse)];
        return make.updateConditionalExpression(node, condition, questionToken, yes, colonToken, no);
      }
      if (ts.isBinaryExpression(node) && logical.has(node.operatorToken.kind)) {
        return make.updateBinaryExpression(node, node.left, node.operatorToken, counted(node.right));
      }
      if (ts.isCaseClause(node))
        return make.updateCaseClause(node, node.expression, counting(node.statements));
      if (ts.isDefaultClause(node)) return make.updateDefaultClause(node, counting(node.statements));
      if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) {
        const { modifiers, typeParameters, parameters, type, equalsGreaterThanToken: arrow, body } = node;
        return make.updateArrowFunction(
          node,
          modifiers,
          typeParameters,
          parameters,
          type,
          arrow,
          counted(body),
        );
      }
      if (ts.isBlock(node)) return make.updateBlock(node, counting(node.statements));
      return node;
    };
    return ts.visitNode(file, visit, ts.isSourceFile);
  };
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
    transformers: { before: [transformer] },
  });
  return outputText;
}

const logical = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

/** Short texts that stand in a source: what a search would take long to hit upon. */
export function wordsOf(source: string): string[] {
  return [...source.matchAll(/'([^'\\\n]{1,40})'/g)]
    .map(([, word]) => word!)
    .filter((word) => !word.startsWith('.'));
}
