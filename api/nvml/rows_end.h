// Ends a list of rows begun by rows_begin.h. Deliberately without an include guard.
#undef LOCAL
#undef NONE
