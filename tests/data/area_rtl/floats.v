// Floating point: IEEE 754 binary32, and bf16, its upper half. To nearest, ties to even; subnormals are zeros on
// the way in and on the way out; a NaN that is made or passed on is 0x7fc00000.

// Whether a word stands for zero, infinity or NaN.
module float_class #(parameter F = 23) (input [F+8:0] x, output zero, output infinite, output nan);
  assign zero = ~|x[F+7:F];
  assign infinite = &x[F+7:F] & ~|x[F-1:0];
  assign nan = &x[F+7:F] & |x[F-1:0];
endmodule

// A result in binary32 from its parts; `exponent` counts from the bias.
module float_pack (input sign, input signed [9:0] exponent, input [22:0] fraction, input zero, input infinite,
                   input nan, output [31:0] word);
  wire below = exponent <= 0;
  wire beyond = exponent >= 255;
  wire nothing = zero | below;
  wire [30:0] finite = {exponent[7:0], fraction};
  assign word = nan ? 32'h7fc00000
              : infinite ? {sign, 31'h7f800000}
              : nothing ? {sign, 31'b0}
              : beyond ? {sign, 31'h7f800000} : {sign, finite};
endmodule

module unsigned_mul #(parameter W = 8) (input [W-1:0] a, input [W-1:0] b, output [2*W-1:0] p);
  assign p = a * b;
endmodule

// Significands of F + 1 bits.
module float_product #(parameter F = 23)
    (input [F+8:0] a, input [F+8:0] b, output sign, output [2*F+1:0] product, output signed [9:0] exponent,
     output zero, output infinite, output nan);
  wire zero_a, infinite_a, nan_a, zero_b, infinite_b, nan_b;
  float_class #(.F(F)) class_a (.x(a), .zero(zero_a), .infinite(infinite_a), .nan(nan_a));
  float_class #(.F(F)) class_b (.x(b), .zero(zero_b), .infinite(infinite_b), .nan(nan_b));
  unsigned_mul #(.W(F + 1)) mul (.a({1'b1, a[F-1:0]}), .b({1'b1, b[F-1:0]}), .p(product));
  assign sign = a[F+8] ^ b[F+8];
  assign exponent = $signed({2'b0, a[F+7:F]}) + $signed({2'b0, b[F+7:F]}) - 10'sd127;
  assign zero = zero_a | zero_b;
  assign infinite = infinite_a | infinite_b;
  assign nan = nan_a | nan_b | (zero & infinite);
endmodule

module fp32_mul (input [31:0] a, input [31:0] b, output [31:0] p);
  wire sign, zero, infinite, nan;
  wire [47:0] product;
  wire signed [9:0] exponent;
  float_product #(.F(23)) exact (.a(a), .b(b), .sign(sign), .product(product), .exponent(exponent), .zero(zero),
                                 .infinite(infinite), .nan(nan));
  wire high = product[47];
  wire [23:0] kept = high ? product[47:24] : product[46:23];
  wire half = high ? product[23] : product[22];
  wire below = |product[21:0] | (high & product[22]);
  wire [24:0] rounded = kept + (half & (below | kept[0]));
  float_pack pack (.sign(sign), .exponent(exponent + $signed({1'b0, high}) + $signed({1'b0, rounded[24]})),
                   .fraction(rounded[22:0]), .zero(zero), .infinite(infinite), .nan(nan), .word(p));
endmodule

// The exact product, in binary32.
module bf16_mul (input [15:0] a, input [15:0] b, output [31:0] p);
  wire sign, zero, infinite, nan;
  wire [15:0] product;
  wire signed [9:0] exponent;
  float_product #(.F(7)) exact (.a(a), .b(b), .sign(sign), .product(product), .exponent(exponent), .zero(zero),
                                .infinite(infinite), .nan(nan));
  wire high = product[15];
  float_pack pack (.sign(sign), .exponent(exponent + $signed({1'b0, high})),
                   .fraction({high ? product[14:0] : {product[13:0], 1'b0}, 8'b0}), .zero(zero),
                   .infinite(infinite), .nan(nan), .word(p));
endmodule

// x is the one of larger magnitude; three bits below its significand hold what alignment moves there.
module fp32_add (input [31:0] a, input [31:0] b, output [31:0] s);
  wire swap = b[30:0] > a[30:0];
  wire [31:0] x = swap ? b : a;
  wire [31:0] y = swap ? a : b;
  wire zero_x, infinite_x, nan_x, zero_y, infinite_y, nan_y;
  float_class class_x (.x(x), .zero(zero_x), .infinite(infinite_x), .nan(nan_x));
  float_class class_y (.x(y), .zero(zero_y), .infinite(infinite_y), .nan(nan_y));
  wire subtract = x[31] ^ y[31];

  wire [26:0] base = {1'b1, x[22:0], 3'b0};
  wire [26:0] addend = zero_y ? 27'b0 : {1'b1, y[22:0], 3'b0};
  wire [7:0] distance = x[30:23] - y[30:23];
  wire far = |distance[7:5];
  reg [26:0] aligned;
  reg lost;
  integer i;
  always @* begin
    aligned = addend;
    lost = 0;
    for (i = 0; i < 5; i = i + 1)
      if (distance[i]) begin
        lost = lost | |(aligned & ~({27{1'b1}} << (1 << i)));
        aligned = aligned >> (1 << i);
      end
    if (far) begin
      lost = !zero_y;
      aligned = 0;
    end
    aligned[0] = aligned[0] | lost;
  end

  wire [27:0] sum = {1'b0, base} + ({1'b0, aligned} ^ {28{subtract}}) + subtract;
  reg [26:0] normal;
  reg [4:0] left;
  always @* begin
    normal = sum[26:0];
    left = 0;
    for (i = 4; i >= 0; i = i - 1)
      if (~|(normal >> (27 - (1 << i)))) begin
        normal = normal << (1 << i);
        left[i] = 1;
      end
  end
  wire [26:0] found = sum[27] ? {sum[27:2], |sum[1:0]} : normal;
  wire [24:0] rounded = found[26:3] + (found[2] & (|found[1:0] | found[3]));
  wire signed [9:0] exponent = $signed({2'b0, x[30:23]}) +
                               (sum[27] ? 10'sd1 : -$signed({5'b0, left})) + $signed({1'b0, rounded[24]});
  wire cancelled = ~|sum;
  wire zero = zero_x | cancelled;
  float_pack pack (.sign(zero ? x[31] & y[31] : x[31]), .exponent(exponent), .fraction(rounded[22:0]), .zero(zero),
                   .infinite(infinite_x), .nan(nan_x | nan_y | (infinite_x & infinite_y & subtract)), .word(s));
endmodule

// The upper half of a sum in binary32, rounded; overflows to infinity. A NaN is 0x7fc00000.
module bf16_round (input [31:0] x, output [15:0] y);
  assign y = x[31:16] + (x[15] & (|x[14:0] | x[16]));
endmodule

// Weight stationary.
module pe_ws_bf16
    (input clk, input load, input [15:0] weight_in, input [15:0] activation_in, input [31:0] sum_in,
     output reg [15:0] activation, output reg [31:0] sum);
  reg [15:0] weight;
  wire [31:0] product, next;
  bf16_mul mul (.a(weight), .b(activation), .p(product));
  fp32_add add (.a(sum_in), .b(product), .s(next));
  always @(posedge clk) begin
    if (load) weight <= weight_in;
    activation <= activation_in;
    sum <= next;
  end
endmodule

// The same with a register behind the multiplier.
module pe_ws_fp32
    (input clk, input load, input [31:0] weight_in, input [31:0] activation_in, input [31:0] sum_in,
     output reg [31:0] activation, output reg [31:0] sum);
  reg [31:0] weight, product;
  wire [31:0] made, next;
  fp32_mul mul (.a(weight), .b(activation), .p(made));
  fp32_add add (.a(sum_in), .b(product), .s(next));
  always @(posedge clk) begin
    if (load) weight <= weight_in;
    activation <= activation_in;
    product <= made;
    sum <= next;
  end
endmodule
