// Column j of the Hsiao code of R check bits: odd weight of at least 3, the lightest first.
function integer hsiao_column(input integer j);
  integer weight, value, bit_index, ones, found;
  begin
    found = -1;
    hsiao_column = 0;
    for (weight = 3; weight <= R; weight = weight + 2)
      for (value = 0; value < (1 << R); value = value + 1) begin
        ones = 0;
        for (bit_index = 0; bit_index < R; bit_index = bit_index + 1)
          ones = ones + ((value >> bit_index) & 1);
        if (ones == weight) begin
          found = found + 1;
          if (found == j) hsiao_column = value;
        end
      end
  end
endfunction

function [W-1:0] hsiao_row(input integer row);
  integer k, weight, value, bit_index, ones, found;
  begin
    hsiao_row = 0;
    found = 0;
    for (weight = 3; weight <= R; weight = weight + 2)
      for (value = 0; value < (1 << R); value = value + 1) begin
        ones = 0;
        for (bit_index = 0; bit_index < R; bit_index = bit_index + 1)
          ones = ones + ((value >> bit_index) & 1);
        if (ones == weight) begin
          if (found < W) hsiao_row[found] = (value >> row) & 1;
          found = found + 1;
        end
      end
  end
endfunction
