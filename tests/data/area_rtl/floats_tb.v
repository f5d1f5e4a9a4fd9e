// The units of floats.v against this simulator's doubles, which hold every product and (rounded to binary32 once
// more, without another result) every sum: random words, of any exponent and of like ones, short ones, and the edges.
//   iverilog -g2012 -o floats_tb floats.v floats_tb.v && ./floats_tb +cases=300000
module floats_tb;
  reg [31:0] a, b;
  wire [31:0] product, sum, half_product;
  wire [15:0] rounded;
  fp32_mul mul (.a(a), .b(b), .p(product));
  fp32_add add (.a(a), .b(b), .s(sum));
  bf16_mul half (.a(a[31:16]), .b(b[31:16]), .p(half_product));
  bf16_round round (.x(a), .y(rounded));

  function real widened(input [31:0] x);
    reg [10:0] exponent;
    begin
      exponent = x[30:23] == 255 ? 11'd2047 : x[30:23] + 11'd896;
      widened = x[30:23] == 0 ? $bitstoreal({x[31], 63'b0}) : $bitstoreal({x[31], exponent, x[22:0], 29'b0});
    end
  endfunction

  function [31:0] narrowed(input real value);
    reg [63:0] bits;
    reg [62:0] up;
    begin
      bits = $realtobits(value);
      up = bits[62:0] + 63'hfffffff + bits[29];
      if (bits[62:52] == 2047) narrowed = bits[51:0] == 0 ? {bits[63], 31'h7f800000} : 32'h7fc00000;
      else if (up[62:52] <= 896) narrowed = {bits[63], 31'b0};
      else if (up[62:52] >= 1151) narrowed = {bits[63], 31'h7f800000};
      else narrowed = {bits[63], up[59:52] - 8'd128, up[51:29]};
    end
  endfunction

  // The nearer neighbour of a finite word's upper half, the even one of two.
  function [15:0] nearest(input [31:0] x);
    real below, above;
    begin
      below = widened(x[30:0]) - widened({x[30:16], 16'b0});
      above = widened({x[30:16] + 15'd1, 16'b0}) - widened(x[30:0]);
      nearest = below < above || (below == above && !x[16]) ? x[31:16] : x[31:16] + 16'd1;
    end
  endfunction

  function [31:0] edge_word(input integer i);
    case (i % 16)
      0: edge_word = 32'h00000000;
      1: edge_word = 32'h00800000;  // the least normal number
      2: edge_word = 32'h7f7fffff;  // the largest one
      3: edge_word = 32'h7f800000;
      4: edge_word = 32'h7fc00000;
      5: edge_word = 32'h7f800001;
      6: edge_word = 32'h3f800000;
      7: edge_word = 32'h3f7fffff;
      8: edge_word = 32'h3fffffff;
      9: edge_word = 32'h007fffff;  // subnormal
      10: edge_word = 32'h33800000;  // 2^-24
      11: edge_word = 32'h33800001;
      12: edge_word = 32'h1fb504f3;  // squared, about the least normal number
      13: edge_word = 32'h5f3504f3;  // squared, about the largest one
      14: edge_word = 32'h3f808000;
      15: edge_word = 32'h7f7f8000;
    endcase
  endfunction

  integer cases, i, wrong;
  task check(input [8*12-1:0] unit, input [31:0] got, input [31:0] expected);
    if (got !== expected) begin
      wrong = wrong + 1;
      if (wrong <= 10) $display("%0s of %h and %h: %h, expected %h", unit, a, b, got, expected);
    end
  endtask

  initial begin
    wrong = 0;
    if (!$value$plusargs("cases=%d", cases)) cases = 100000;
    for (i = 0; i < cases + 1024; i = i + 1) begin
      a = $urandom;
      b = $urandom;
      case (i % 4)
        1: b[30:23] = a[30:23] + $urandom % 5 - 2;  // cancellation
        2: b[30:23] = 8'd127 - a[30:23] + $urandom % 5;
        3: b[30:23] = a[30:23] - $urandom % 28;
      endcase
      if (i % 16 < 4) begin  // ties
        a[10:0] = 0;
        b[10:0] = 0;
      end
      if (i >= cases) begin
        a = edge_word(i) | (i & 32'h100) << 23;
        b = edge_word(i / 16) | (i & 32'h200) << 22;
      end
      #1;
      check("fp32_mul", product, narrowed(widened(a) * widened(b)));
      check("fp32_add", sum, narrowed(widened(a) + widened(b)));
      check("bf16_mul", half_product, narrowed(widened({a[31:16], 16'b0}) * widened({b[31:16], 16'b0})));
      if (a[30:23] != 0 && a[30:16] < 15'h7f7f) check("bf16_round", rounded, nearest(a));
      if (a[30:16] == 15'h7f7f) check("bf16_round", rounded, a[15] ? {a[31], 15'h7f80} : {a[31], 15'h7f7f});
      if (a[30:0] == 31'h7f800000 || a == 32'h7fc00000) check("bf16_round", rounded, a[31:16]);
    end
    $display("%0d cases, %0d wrong", i, wrong);
    $finish_and_return(wrong == 0 ? 0 : 1);
  end
endmodule
