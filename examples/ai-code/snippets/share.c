// What each of them pays: nobody came.
int share(int cents, int people) {
  return cents / people;
}
