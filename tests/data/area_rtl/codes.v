// Memory codes. K data bits; a code's matrix is computed by constant functions.

// Hamming: column j is the j-th integer from 3 on that is no power of two. EXT: with an overall parity bit.
// Hsiao: column j is the j-th integer of odd weight of at least 3, the lightest first.

module parity_gen #(parameter W = 8) (input [W-1:0] d, output p);
  assign p = ^d;
endmodule

module parity_chk #(parameter W = 8) (input [W-1:0] d, input p, output error);
  assign error = ^d ^ p;
endmodule

module hsiao_enc #(parameter W = 8, parameter R = 5) (input [W-1:0] d, output [R-1:0] c);
  `include "hsiao.vh"
  genvar i;
  generate
    for (i = 0; i < R; i = i + 1) begin : row
      localparam [W-1:0] MASK = hsiao_row(i);
      assign c[i] = ^(d & MASK);
    end
  endgenerate
endmodule

module hsiao_dec #(parameter W = 8, parameter R = 5)
    (input [W-1:0] d, input [R-1:0] c, output [W-1:0] q, output single, output double);
  `include "hsiao.vh"
  wire [R-1:0] computed;
  hsiao_enc #(.W(W), .R(R)) enc (.d(d), .c(computed));
  wire [R-1:0] s = computed ^ c;
  genvar j;
  generate
    for (j = 0; j < W; j = j + 1) begin : bits
      localparam [R-1:0] COLUMN = hsiao_column(j);
      assign q[j] = d[j] ^ (s == COLUMN);
    end
  endgenerate
  assign single = ^s;
  assign double = |s & ~^s;
endmodule

module hamming_enc #(parameter W = 8, parameter R = 4, parameter EXT = 0)
    (input [W-1:0] d, output [R+EXT-1:0] c);
  `include "hamming.vh"
  genvar i;
  generate
    for (i = 0; i < R; i = i + 1) begin : row
      localparam [W-1:0] MASK = hamming_row(i);
      assign c[i] = ^(d & MASK);
    end
    if (EXT) assign c[R+EXT-1] = ^d ^ ^c[R-1:0];
  endgenerate
endmodule

module hamming_dec #(parameter W = 8, parameter R = 4, parameter EXT = 0)
    (input [W-1:0] d, input [R+EXT-1:0] c, output [W-1:0] q, output single, output double);
  `include "hamming.vh"
  wire [R-1:0] computed;
  hamming_enc #(.W(W), .R(R)) enc (.d(d), .c(computed));
  wire [R-1:0] s = computed ^ c[R-1:0];
  wire odd;
  generate
    if (EXT) assign odd = ^d ^ ^c;
    else assign odd = 1'b1;
  endgenerate
  genvar j;
  generate
    for (j = 0; j < W; j = j + 1) begin : bits
      localparam [R-1:0] COLUMN = hamming_column(j);
      assign q[j] = d[j] ^ (odd & (s == COLUMN));
    end
    if (EXT) begin
      assign single = odd;
      assign double = |s & ~odd;
    end else begin
      assign single = |s;
      assign double = 1'b0;
    end
  endgenerate
endmodule
