export { type AdditionOptions, additionProblems } from './addition.ts';
export { type ArithmeticOptions, arithmeticProblems } from './arithmetic.ts';
export type { Operation } from './expression.ts';
export { descriptiveness, isScene, type SceneOptions, sceneSentences } from './scenes.ts';
export { writeProblems } from './write-problems.ts';
