// Quartiles of a list of numbers, without sorting it: a whole program, which reads JSON from stdin and writes JSON to stdout.
#include <algorithm>
#include <cstddef>
#include <iostream>
#include <vector>

int main() {
  std::vector<double> numbers;
  char sign = 0;  // `[`, `,` or `]`
  double number = 0;
  while (std::cin >> sign >> number) {
    numbers.push_back(number);
  }
  if (numbers.empty()) {
    std::cerr << "there are no numbers\n";
    return 1;
  }

  // What stands behind a place that was found is not smaller, so that the next is looked for only there.
  auto sorted = numbers.begin();
  const auto at = [&](std::size_t quarter) {
    const auto place = numbers.begin() + static_cast<std::ptrdiff_t>((numbers.size() - 1) * quarter / 4);
    std::nth_element(sorted, place, numbers.end());
    sorted = place;
    return *place;
  };
  const char* const names[] = {"least", "quartile1", "median", "quartile3", "most"};
  for (std::size_t quarter = 0; quarter < 5; ++quarter) {
    std::cout << (quarter == 0 ? '{' : ',') << '"' << names[quarter] << "\":" << at(quarter);
  }
  std::cout << "}\n";
}
