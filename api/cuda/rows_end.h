// Ends a list of rows begun by rows_begin.h. Deliberately without an include guard.
#undef CALL
#undef POST
#undef HAND_CALL
#undef HAND_POST
#undef LOCAL
#undef NONE
#undef ROW
