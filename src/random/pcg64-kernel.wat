;; Many PCG64 doubles at once. WebAssembly has the 64-bit integers that JavaScript lacks, so that a step is six products.
;; The same numbers as PCG64.nextDouble in pcg64.ts, where the sources are named. Compiled by `npm run wasm:generate`.
;;
;; Memory: one page. State and increment, 128 bits each, least significant word first; then the doubles.

(module
  (memory (export "memory") 1)

  ;; Steps $count times, and writes a float64 in [0, 1) for each step from byte 32 on.
  (func (export "fillDoubles") (param $count i32)
    (local $low i64) (local $high i64) ;; the state
    (local $incrementLow i64) (local $incrementHigh i64)
    (local $low0 i64) (local $low1 i64) ;; the 32-bit halves of the state's low half
    (local $middle i64) (local $productHigh i64)
    (local $at i32) (local $end i32)
    (local.set $low (i64.load (i32.const 0)))
    (local.set $high (i64.load (i32.const 8)))
    (local.set $incrementLow (i64.load (i32.const 16)))
    (local.set $incrementHigh (i64.load (i32.const 24)))
    (local.set $at (i32.const 32))
    (local.set $end (i32.add (i32.const 32) (i32.shl (local.get $count) (i32.const 3))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $at) (local.get $end)))

        ;; The high half of $low * 0x4385df649fccf645, of products of 32 bits: schoolbook multiplication.
        (local.set $low0 (i64.and (local.get $low) (i64.const 0xffffffff)))
        (local.set $low1 (i64.shr_u (local.get $low) (i64.const 32)))
        (local.set $middle
          (i64.add
            (i64.mul (local.get $low1) (i64.const 0x9fccf645))
            (i64.shr_u (i64.mul (local.get $low0) (i64.const 0x9fccf645)) (i64.const 32))))
        (local.set $productHigh
          (i64.add
            (i64.add
              (i64.mul (local.get $low1) (i64.const 0x4385df64))
              (i64.shr_u (local.get $middle) (i64.const 32)))
            (i64.shr_u
              (i64.add
                (i64.mul (local.get $low0) (i64.const 0x4385df64))
                (i64.and (local.get $middle) (i64.const 0xffffffff)))
              (i64.const 32))))

        ;; state = state * 0x2360ed051fc65da44385df649fccf645 + increment modulo 2^128
        (local.set $high
          (i64.add
            (i64.add
              (i64.add
                (i64.mul (local.get $high) (i64.const 0x4385df649fccf645))
                (i64.mul (local.get $low) (i64.const 0x2360ed051fc65da4)))
              (local.get $productHigh))
            (local.get $incrementHigh)))
        (local.set $low
          (i64.add (i64.mul (local.get $low) (i64.const 0x4385df649fccf645)) (local.get $incrementLow)))
        ;; A sum smaller than its part went over 2^64.
        (local.set $high
          (i64.add (local.get $high) (i64.extend_i32_u (i64.lt_u (local.get $low) (local.get $incrementLow)))))

        ;; Output: the xor of both halves, rotated right by the top six bits; its upper 53 bits make the double.
        (f64.store (local.get $at)
          (f64.mul
            (f64.convert_i64_s
              (i64.shr_u
                (i64.rotr
                  (i64.xor (local.get $high) (local.get $low))
                  (i64.shr_u (local.get $high) (i64.const 58)))
                (i64.const 11)))
            (f64.const 0x1p-53)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $next)))
    (i64.store (i32.const 0) (local.get $low))
    (i64.store (i32.const 8) (local.get $high))))
