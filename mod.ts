/** hi
 * @module */
export const x: number = 1;
