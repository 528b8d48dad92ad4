export { type AdditionOptions, additionProblems } from './addition.ts';
export { type ArithmeticOptions, arithmeticProblems } from './arithmetic.ts';
export type { Operation } from './expression.ts';
export { writeProblems } from './write-problems.ts';
