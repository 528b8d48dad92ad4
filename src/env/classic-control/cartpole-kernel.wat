;; One step of many CartPoles, two at a time: the vectors of WebAssembly hold two float64.
;; cartpole-kernel.ts lays out the memory and makes the instance. Compiled by `npm run wasm:generate`.
;;
;; The arithmetic is that of `advance` in cartpole-physics.ts and of sine-cosine.ts, operation by operation, so that
;; results are the same to the last bit; there the constants have their names and sources. A test compares the two.

(module
  (import "Math" "sin" (func $Math.sin (param f64) (result f64)))
  (import "Math" "cos" (func $Math.cos (param f64) (result f64)))
  (import "cartpole" "memory" (memory 1))
  (import "cartpole" "numEnvs" (global $numEnvs i32))
  (import "cartpole" "maxEpisodeSteps" (global $maxEpisodeSteps f64))
  (import "cartpole" "stepReward" (global $stepReward f64))
  (import "cartpole" "fallReward" (global $fallReward f64))

  ;; Where the arrays begin, in bytes. All but $uniform have room for an even number of cart-poles.
  (import "cartpole" "x" (global $x i32)) ;;                       float64 [numEnvs], and so the next five
  (import "cartpole" "xDot" (global $xDot i32))
  (import "cartpole" "theta" (global $theta i32))
  (import "cartpole" "thetaDot" (global $thetaDot i32))
  (import "cartpole" "sin" (global $sin i32))
  (import "cartpole" "cos" (global $cos i32))
  (import "cartpole" "steps" (global $steps i32)) ;;               int32 [numEnvs], steps taken in each episode
  (import "cartpole" "actions" (global $actions i32)) ;;           int32 [numEnvs], 0 or 1
  (import "cartpole" "ended" (global $ended i32)) ;;               int32 [numEnvs], indices of cart-poles
  (import "cartpole" "uniform" (global $uniform i32)) ;;           float64 [4, count], random in [0, 1)
  (import "cartpole" "observations" (global $observations i32)) ;; float32 [numEnvs, 4]
  (import "cartpole" "rewards" (global $rewards i32)) ;;           float64 [numEnvs]
  (import "cartpole" "terminations" (global $terminations i32)) ;; uint8 [numEnvs]
  (import "cartpole" "truncations" (global $truncations i32)) ;;   uint8 [numEnvs]

  ;; Moves all cart-poles, restarts the first $endedCount of `ended`, and writes observations, rewards and flags.
  ;; Then `ended` has those whose episodes this step ended, in order; returns how many.
  (func (export "step") (param $endedCount i32) (param $low f64) (param $span f64) (result i32)
    ;; Those that are restarted below are moved too, which is cheaper than to tell them apart.
    (call $sinesAndCosines)
    (call $move)
    (call $restart (local.get $endedCount) (local.get $low) (local.get $span))
    (call $listEnded))

  ;; Writes `sin` and `cos` of the angles: polynomials in z = theta * theta while both are small, otherwise JavaScript's.
  ;; In a loop of its own, because the processor then has more pairs at hand while it waits for a sum.
  (func $sinesAndCosines
    (local $i i32) (local $at i32)
    (local $thetas v128) (local $z v128) (local $sum v128) (local $sin v128) (local $cos v128)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (global.get $numEnvs)))
        (local.set $at (i32.shl (local.get $i) (i32.const 3)))
        (local.set $thetas (v128.load (i32.add (global.get $theta) (local.get $at))))
        (local.set $z (f64x2.mul (local.get $thetas) (local.get $thetas)))
        (if (i64x2.all_true (f64x2.lt (local.get $z) (v128.const f64x2 0.0899 0.0899)))
          (then
            ;; sin = theta + z * theta * (S1 + z * (S2 + z * (S3 + z * (S4 + z * (S5 + z * S6)))))
            (local.set $sum (v128.const f64x2 1.58969099521155010221e-10 1.58969099521155010221e-10))
            (local.set $sum
              (f64x2.add
                (v128.const f64x2 -2.50507602534068634195e-8 -2.50507602534068634195e-8)
                (f64x2.mul (local.get $z) (local.get $sum))))
            (local.set $sum
              (f64x2.add
                (v128.const f64x2 2.75573137070700676789e-6 2.75573137070700676789e-6)
                (f64x2.mul (local.get $z) (local.get $sum))))
            (local.set $sum
              (f64x2.add
                (v128.const f64x2 -1.98412698298579493134e-4 -1.98412698298579493134e-4)
                (f64x2.mul (local.get $z) (local.get $sum))))
            (local.set $sum
              (f64x2.add
                (v128.const f64x2 8.33333333332248946124e-3 8.33333333332248946124e-3)
                (f64x2.mul (local.get $z) (local.get $sum))))
            (local.set $sum
              (f64x2.add
                (v128.const f64x2 -1.66666666666666324348e-1 -1.66666666666666324348e-1)
                (f64x2.mul (local.get $z) (local.get $sum))))
            (local.set $sin
              (f64x2.add
                (local.get $thetas)
                (f64x2.mul (f64x2.mul (local.get $z) (local.get $thetas)) (local.get $sum))))
            ;; cos = 1 - (z / 2 - z * (z * (C1 + z * (C2 + z * (C3 + z * (C4 + z * (C5 + z * C6)))))))
            (local.set $sum (v128.const f64x2 -1.13596475577881948265e-11 -1.13596475577881948265e-11))
            (local.set $sum
              (f64x2.add
                (v128.const f64x2 2.0875723212981748279e-9 2.0875723212981748279e-9)
                (f64x2.mul (local.get $z) (local.get $sum))))
            (local.set $sum
              (f64x2.add
                (v128.const f64x2 -2.75573143513906633035e-7 -2.75573143513906633035e-7)
                (f64x2.mul (local.get $z) (local.get $sum))))
            (local.set $sum
              (f64x2.add
                (v128.const f64x2 2.48015872894767294178e-5 2.48015872894767294178e-5)
                (f64x2.mul (local.get $z) (local.get $sum))))
            (local.set $sum
              (f64x2.add
                (v128.const f64x2 -1.38888888888741095749e-3 -1.38888888888741095749e-3)
                (f64x2.mul (local.get $z) (local.get $sum))))
            (local.set $sum
              (f64x2.add
                (v128.const f64x2 4.16666666666666019037e-2 4.16666666666666019037e-2)
                (f64x2.mul (local.get $z) (local.get $sum))))
            (local.set $cos
              (f64x2.sub
                (v128.const f64x2 1 1)
                (f64x2.sub
                  (f64x2.mul (v128.const f64x2 0.5 0.5) (local.get $z))
                  (f64x2.mul (local.get $z) (f64x2.mul (local.get $z) (local.get $sum)))))))
          (else
            (local.set $sin
              (f64x2.replace_lane 1
                (f64x2.splat (call $Math.sin (f64x2.extract_lane 0 (local.get $thetas))))
                (call $Math.sin (f64x2.extract_lane 1 (local.get $thetas)))))
            (local.set $cos
              (f64x2.replace_lane 1
                (f64x2.splat (call $Math.cos (f64x2.extract_lane 0 (local.get $thetas))))
                (call $Math.cos (f64x2.extract_lane 1 (local.get $thetas)))))))
        (v128.store (i32.add (global.get $sin) (local.get $at)) (local.get $sin))
        (v128.store (i32.add (global.get $cos) (local.get $at)) (local.get $cos))
        (local.set $i (i32.add (local.get $i) (i32.const 2)))
        (br $next))))

  ;; Needs `sin` and `cos`.
  (func $move
    (local $i i32) (local $at i32)
    (local $xs v128) (local $xDots v128) (local $thetas v128) (local $thetaDots v128)
    (local $sin v128) (local $cos v128)
    (local $push v128) (local $thetaAcceleration v128) (local $acceleration v128)
    (local $failed v128) (local $count v128) (local $bits i32) (local $positions v128) (local $angles v128)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (global.get $numEnvs)))
        (local.set $at (i32.shl (local.get $i) (i32.const 3)))
        (local.set $xs (v128.load (i32.add (global.get $x) (local.get $at))))
        (local.set $xDots (v128.load (i32.add (global.get $xDot) (local.get $at))))
        (local.set $thetas (v128.load (i32.add (global.get $theta) (local.get $at))))
        (local.set $thetaDots (v128.load (i32.add (global.get $thetaDot) (local.get $at))))

        (local.set $sin (v128.load (i32.add (global.get $sin) (local.get $at))))
        (local.set $cos (v128.load (i32.add (global.get $cos) (local.get $at))))

        ;; push = (force + POLE_MASS_LENGTH * (thetaDot * thetaDot) * sin) * INVERSE_MASS; force = action * 20 - 10
        (local.set $push
          (f64x2.mul
            (f64x2.add
              (f64x2.sub
                (f64x2.mul
                  (f64x2.convert_low_i32x4_s
                    (v128.load64_zero (i32.add (global.get $actions) (i32.shl (local.get $i) (i32.const 2)))))
                  (v128.const f64x2 20 20))
                (v128.const f64x2 10 10))
              (f64x2.mul
                (f64x2.mul (v128.const f64x2 0.05 0.05) (f64x2.mul (local.get $thetaDots) (local.get $thetaDots)))
                (local.get $sin)))
            (v128.const f64x2 0.9090909090909091 0.9090909090909091)))
        ;; thetaAcceleration = (GRAVITY * sin - cos * push) / (HALF_LENGTH * (4/3 - POLE_MASS * INVERSE_MASS * (cos * cos)))
        (local.set $thetaAcceleration
          (f64x2.div
            (f64x2.sub
              (f64x2.mul (v128.const f64x2 9.8 9.8) (local.get $sin))
              (f64x2.mul (local.get $cos) (local.get $push)))
            (f64x2.mul
              (v128.const f64x2 0.5 0.5)
              (f64x2.sub
                (v128.const f64x2 1.3333333333333333 1.3333333333333333)
                (f64x2.mul
                  (v128.const f64x2 0.09090909090909091 0.09090909090909091)
                  (f64x2.mul (local.get $cos) (local.get $cos)))))))
        ;; acceleration = push - POLE_MASS_LENGTH * INVERSE_MASS * thetaAcceleration * cos
        (local.set $acceleration
          (f64x2.sub
            (local.get $push)
            (f64x2.mul
              (f64x2.mul (v128.const f64x2 0.045454545454545456 0.045454545454545456) (local.get $thetaAcceleration))
              (local.get $cos))))

        ;; Euler's method with steps of 0.02 s.
        (local.set $xs
          (f64x2.add (local.get $xs) (f64x2.mul (v128.const f64x2 0.02 0.02) (local.get $xDots))))
        (local.set $xDots
          (f64x2.add (local.get $xDots) (f64x2.mul (v128.const f64x2 0.02 0.02) (local.get $acceleration))))
        (local.set $thetas
          (f64x2.add (local.get $thetas) (f64x2.mul (v128.const f64x2 0.02 0.02) (local.get $thetaDots))))
        (local.set $thetaDots
          (f64x2.add (local.get $thetaDots) (f64x2.mul (v128.const f64x2 0.02 0.02) (local.get $thetaAcceleration))))
        (v128.store (i32.add (global.get $x) (local.get $at)) (local.get $xs))
        (v128.store (i32.add (global.get $xDot) (local.get $at)) (local.get $xDots))
        (v128.store (i32.add (global.get $theta) (local.get $at)) (local.get $thetas))
        (v128.store (i32.add (global.get $thetaDot) (local.get $at)) (local.get $thetaDots))

        ;; Observations: from a vector for each column to a vector for each cart-pole.
        (local.set $positions
          (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23
            (f32x4.demote_f64x2_zero (local.get $xs))
            (f32x4.demote_f64x2_zero (local.get $xDots))))
        (local.set $angles
          (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23
            (f32x4.demote_f64x2_zero (local.get $thetas))
            (f32x4.demote_f64x2_zero (local.get $thetaDots))))
        (local.set $at (i32.add (global.get $observations) (i32.shl (local.get $i) (i32.const 4))))
        (v128.store (local.get $at)
          (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $positions) (local.get $angles)))
        (v128.store offset=16 (local.get $at)
          (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $positions) (local.get $angles)))

        ;; A cart-pole has failed when the cart left the track or the pole fell. The mask's two bits become two bytes.
        (local.set $failed
          (v128.or
            (f64x2.gt (f64x2.abs (local.get $xs)) (v128.const f64x2 2.4 2.4))
            (f64x2.gt (f64x2.abs (local.get $thetas)) (v128.const f64x2 0.20943951023931953 0.20943951023931953))))
        (local.set $bits (i64x2.bitmask (local.get $failed)))
        (i32.store16
          (i32.add (global.get $terminations) (local.get $i))
          (i32.or
            (i32.and (local.get $bits) (i32.const 1))
            (i32.shl (i32.and (local.get $bits) (i32.const 2)) (i32.const 7))))
        (v128.store (i32.add (global.get $rewards) (i32.shl (local.get $i) (i32.const 3)))
          (v128.bitselect
            (f64x2.splat (global.get $fallReward))
            (f64x2.splat (global.get $stepReward))
            (local.get $failed)))

        (local.set $at (i32.add (global.get $steps) (i32.shl (local.get $i) (i32.const 2))))
        (local.set $count (i32x4.add (v128.load64_zero (local.get $at)) (v128.const i32x4 1 1 0 0)))
        (v128.store64_lane 0 (local.get $at) (local.get $count))
        (local.set $bits
          (i64x2.bitmask
            (f64x2.ge (f64x2.convert_low_i32x4_s (local.get $count)) (f64x2.splat (global.get $maxEpisodeSteps)))))
        (i32.store16
          (i32.add (global.get $truncations) (local.get $i))
          (i32.or
            (i32.and (local.get $bits) (i32.const 1))
            (i32.shl (i32.and (local.get $bits) (i32.const 2)) (i32.const 7))))

        (local.set $i (i32.add (local.get $i) (i32.const 2)))
        (br $next)))
    ;; The one that makes an odd number even would swing wide, where its sine is slow.
    (if (i32.and (global.get $numEnvs) (i32.const 1))
      (then
        (local.set $at (i32.shl (global.get $numEnvs) (i32.const 3)))
        (f64.store (i32.add (global.get $theta) (local.get $at)) (f64.const 0))
        (f64.store (i32.add (global.get $thetaDot) (local.get $at)) (f64.const 0)))))

  ;; Begins new episodes for the first $count cart-poles of `ended`. New states are $low + $span * `uniform`, whose rows are
  ;; the columns of a state.
  (func $restart (export "restart") (param $count i32) (param $low f64) (param $span f64)
    (local $k i32) (local $i i32)
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $k) (local.get $count)))
        (local.set $i (i32.load (i32.add (global.get $ended) (i32.shl (local.get $k) (i32.const 2)))))
        (call $draw (global.get $x) (i32.const 0)
          (local.get $k) (local.get $i) (local.get $count) (local.get $low) (local.get $span))
        (call $draw (global.get $xDot) (i32.const 1)
          (local.get $k) (local.get $i) (local.get $count) (local.get $low) (local.get $span))
        (call $draw (global.get $theta) (i32.const 2)
          (local.get $k) (local.get $i) (local.get $count) (local.get $low) (local.get $span))
        (call $draw (global.get $thetaDot) (i32.const 3)
          (local.get $k) (local.get $i) (local.get $count) (local.get $low) (local.get $span))
        (i32.store (i32.add (global.get $steps) (i32.shl (local.get $i) (i32.const 2))) (i32.const 0))
        (f64.store (i32.add (global.get $rewards) (i32.shl (local.get $i) (i32.const 3))) (f64.const 0))
        (i32.store8 (i32.add (global.get $terminations) (local.get $i)) (i32.const 0))
        (i32.store8
          (i32.add (global.get $truncations) (local.get $i))
          (f64.ge (f64.const 0) (global.get $maxEpisodeSteps)))
        (local.set $k (i32.add (local.get $k) (i32.const 1)))
        (br $next))))

  ;; One column of the new state of cart-pole $i, the $k-th of $count.
  (func $draw
    (param $states i32) (param $column i32) (param $k i32) (param $i i32) (param $count i32)
    (param $low f64) (param $span f64)
    (local $value f64)
    (local.set $value
      (f64.add
        (local.get $low)
        (f64.mul
          (local.get $span)
          (f64.load
            (i32.add
              (global.get $uniform)
              (i32.shl
                (i32.add (i32.mul (local.get $column) (local.get $count)) (local.get $k))
                (i32.const 3)))))))
    (f64.store (i32.add (local.get $states) (i32.shl (local.get $i) (i32.const 3))) (local.get $value))
    (f32.store
      (i32.add
        (global.get $observations)
        (i32.shl (i32.add (i32.shl (local.get $i) (i32.const 2)) (local.get $column)) (i32.const 2)))
      (f32.demote_f64 (local.get $value))))

  ;; Writes to `ended` the cart-poles that have either flag. A write that does not count is overwritten: nothing branches.
  (func $listEnded (result i32)
    (local $i i32) (local $count i32)
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (global.get $numEnvs)))
        (i32.store (i32.add (global.get $ended) (i32.shl (local.get $count) (i32.const 2))) (local.get $i))
        (local.set $count
          (i32.add
            (local.get $count)
            (i32.or
              (i32.load8_u (i32.add (global.get $terminations) (local.get $i)))
              (i32.load8_u (i32.add (global.get $truncations) (local.get $i))))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $count)))
