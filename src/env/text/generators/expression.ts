// Arithmetic expressions of whole numbers: their text, their values, and how they are reduced one step at a time.

/** The four operations, as they are written. */
export type Operation = '+' | '-' | '*' | '/';

/** A whole number, or an operation on two expressions. */
export type Expression =
  | number
  | { readonly operation: Operation; readonly left: Expression; readonly right: Expression };

const PRECEDENCE: Readonly<Record<Operation, number>> = { '+': 1, '-': 1, '*': 2, '/': 2 };

/** The result of an operation; null if it is no safe whole number. */
function apply(operation: Operation, left: number, right: number): number | null {
  let result: number;
  if (operation === '+') result = left + right;
  else if (operation === '-') result = left - right;
  else if (operation === '*') result = left * right;
  else result = left / right;
  // -0 becomes 0.
  return Number.isSafeInteger(result) ? result + 0 : null;
}

/** The value of an expression; null if some step of it is no safe whole number. */
export function valueOf(expression: Expression): number | null {
  if (typeof expression === 'number') return expression;
  const left = valueOf(expression.left);
  const right = valueOf(expression.right);
  return left === null || right === null ? null : apply(expression.operation, left, right);
}

/** The text of an expression, with parentheses only where they are needed, and around negative numbers that do not come first. */
export function textOf(expression: Expression): string {
  return write(expression, true);
}

/** @param leads whether nothing, or a parenthesis, stands before it */
function write(expression: Expression, leads: boolean): string {
  if (typeof expression === 'number') return expression < 0 && !leads ? `(${expression})` : String(expression);
  const { operation, left, right } = expression;
  const first = binds(left, operation, false) ? `(${write(left, true)})` : write(left, leads);
  const second = binds(right, operation, true) ? `(${write(right, true)})` : write(right, false);
  return `${first} ${operation} ${second}`;
}

/** Whether the text of an expression has parentheses around operations. */
export function needsParentheses(expression: Expression): boolean {
  if (typeof expression === 'number') return false;
  const { operation, left, right } = expression;
  const inner = [left, right];
  return binds(left, operation, false) || binds(right, operation, true) || inner.some(needsParentheses);
}

/** Whether an operand needs parentheses: it binds less than its parent, or as much on the right, where reading begins left. */
function binds(expression: Expression, parent: Operation, isRight: boolean): boolean {
  if (typeof expression === 'number') return false;
  const own = PRECEDENCE[expression.operation];
  return own < PRECEDENCE[parent] || (isRight && own === PRECEDENCE[parent]);
}

/**
 * The expression with one operation carried out: the first that the order of operations allows, which is in the innermost
 * parentheses, of the highest precedence there, and leftmost.
 */
export function reduceOnce(expression: Expression): Expression {
  const found = nextStep(expression, 0);
  return found === null ? expression : replaced(expression, found.at);
}

type Operated = Exclude<Expression, number>;

interface Step {
  readonly at: Operated;
  /** How many parentheses are around it. */
  readonly depth: number;
}

function nextStep(expression: Expression, depth: number): Step | null {
  if (typeof expression === 'number') return null;
  const { operation, left, right } = expression;
  if (typeof left === 'number' && typeof right === 'number') return { at: expression, depth };
  const first = nextStep(left, depth + Number(binds(left, operation, false)));
  const second = nextStep(right, depth + Number(binds(right, operation, true)));
  if (first === null || second === null) return first ?? second;
  if (first.depth !== second.depth) return first.depth > second.depth ? first : second;
  return PRECEDENCE[second.at.operation] > PRECEDENCE[first.at.operation] ? second : first;
}

/** The expression with `at` replaced by its value; the same object if `at` is not in it. */
function replaced(expression: Expression, at: Operated): Expression {
  if (typeof expression === 'number') return expression;
  if (expression === at) return valueOf(expression) ?? expression;
  const left = replaced(expression.left, at);
  if (left !== expression.left) return { ...expression, left };
  const right = replaced(expression.right, at);
  return right === expression.right ? expression : { ...expression, right };
}
