/** Numbers of the zip format (APPNOTE.TXT 4.3) that its reader and its writer share. */

/** Signature of an entry's header, before its data. */
export const LOCAL_HEADER = 0x04034b50;
/** Bytes of that header, without name and extra fields. */
export const LOCAL_HEADER_BYTES = 30;
/** Signature of an entry's header in the directory. */
export const CENTRAL_HEADER = 0x02014b50;
/** Signature of the record that ends an archive. */
export const END_RECORD = 0x06054b50;
/** Signature of its 64-bit form. */
export const ZIP64_END_RECORD = 0x06064b50;
/** Bytes of that form. */
export const ZIP64_END_RECORD_BYTES = 56;
/** Signature of what says where the 64-bit form is. */
export const ZIP64_LOCATOR = 0x07064b50;
/** The extra field with 64-bit sizes and positions. */
export const ZIP64_EXTRA = 0x0001;
/** In a field of 32 bits: the value is in the zip64 field. */
export const IN_ZIP64 = 0xffffffff;
/** In a field of 16 bits: likewise. */
export const IN_ZIP64_SHORT = 0xffff;
