struct http1_call {
    int x;
};
