// Sine and cosine of small angles, fast. A balanced pole leans little, and there each is one polynomial that the
// compiler can inline, at a third of the cost of a call to Math.sin.
//
// Coefficients: fdlibm 5.3, k_sin.c and k_cos.c (Sun Microsystems, 1993), which V8's Math.sin and Math.cos follow too,
// so that results are the same to the last bit on both sides of the limit. They stand in cartpole-kernel.wat once more.

/** The sine of an angle in radians. */
export function sine(angle: number): number {
  const z = angle * angle;
  if (!(z < SMALL_ANGLE_SQUARED)) return Math.sin(angle);
  return angle + z * angle * (S1 + z * (S2 + z * (S3 + z * (S4 + z * (S5 + z * S6)))));
}

/** The cosine of an angle in radians. */
export function cosine(angle: number): number {
  const z = angle * angle;
  if (!(z < SMALL_ANGLE_SQUARED)) return Math.cos(angle);
  return 1 - (0.5 * z - z * (z * (C1 + z * (C2 + z * (C3 + z * (C4 + z * (C5 + z * C6)))))));
}

// fdlibm's cosine takes another form from an angle of 0.3 on.
const SMALL_ANGLE_SQUARED = 0.0899;

const S1 = -1.66666666666666324348e-1;
const S2 = 8.33333333332248946124e-3;
const S3 = -1.98412698298579493134e-4;
const S4 = 2.75573137070700676789e-6;
const S5 = -2.50507602534068634195e-8;
const S6 = 1.58969099521155010221e-10;

const C1 = 4.16666666666666019037e-2;
const C2 = -1.38888888888741095749e-3;
const C3 = 2.48015872894767294178e-5;
const C4 = -2.75573143513906633035e-7;
const C5 = 2.0875723212981748279e-9;
const C6 = -1.13596475577881948265e-11;
