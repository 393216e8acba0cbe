/**
 * Checks of what a parquet file says of itself, before hyparquet reads it, which believes every
 * count: a flipped bit made it loop without end or fill the memory.
 *
 * @module
 */
import {
  type ColumnMetaData,
  type FileMetaData,
  parquetSchema,
  type RowGroup,
  type SchemaTree,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { parquetHeader } from "hyparquet/src/column.js";
import { decompressPage } from "hyparquet/src/datapage.js";
import {
  getMaxDefinitionLevel,
  getMaxRepetitionLevel,
  getTreePath,
  isFlatColumn,
} from "hyparquet/src/schema.js";
import { readVarInt } from "hyparquet/src/thrift.js";

/** Bytes that a page may always unpack to, and how many times its packed bytes beyond that. */
const PAGE_BYTES = 16 << 20, MOST_UNPACKED = 1100;

/** Bytes and where in them reading is, as hyparquet has it. */
interface Reader {
  view: DataView;
  offset: number;
}

/** The part of a file that holds a column's pages. */
export interface ColumnPlace {
  /** Position of its first byte. */
  start: number;
  /** Position behind its last. */
  end: number;
}

/**
 * Checks a row group's columns against the schema and the file.
 *
 * @param length Bytes of the file.
 * @returns Where the columns lie.
 * @throws {Error} Saying what does not agree.
 */
export function columnPlaces(
  metadata: FileMetaData,
  group: RowGroup,
  length: number,
): ColumnPlace[] {
  const tree = parquetSchema(metadata);
  return group.columns.map(({ meta_data: column, file_path }) => {
    if (!column || file_path) throw new Error("a column lies in another file");
    const name = column.path_in_schema.join(".");
    const path = getTreePath(tree, column.path_in_schema);
    const values = Number(column.num_values), rows = Number(group.num_rows);
    if (isFlatColumn(path) ? values !== rows : values < rows) {
      throw new Error(`column ${name} has ${values} values for ${rows} rows`);
    }
    const start = Number(column.dictionary_page_offset || column.data_page_offset);
    const end = start + Number(column.total_compressed_size);
    if (!(start >= 0 && start <= end && end <= length)) {
      throw new Error(`column ${name} does not lie in the file`);
    }
    return { start, end };
  });
}

/**
 * Checks a column's pages: that they lie in their bytes and that their counts agree.
 *
 * @param bytes What lies at its {@linkcode ColumnPlace}.
 * @throws {Error} Saying what does not agree.
 */
export function checkPages(
  bytes: ArrayBuffer,
  metadata: FileMetaData,
  group: RowGroup,
  column: ColumnMetaData,
): void {
  const path = getTreePath(parquetSchema(metadata), column.path_in_schema);
  const reader = { view: new DataView(bytes), offset: 0 };
  let values = 0, rows = 0;
  while (reader.offset < bytes.byteLength - 1 && values < column.num_values) {
    const header = parquetHeader(reader);
    const { compressed_page_size: packed, uncompressed_page_size: size } = header;
    const isPlaced = packed >= 0 && packed <= bytes.byteLength - reader.offset;
    if (!isPlaced || size < 0 || size > Math.max(PAGE_BYTES, MOST_UNPACKED * packed)) {
      throw new Error(`a page of ${column.path_in_schema.join(".")} has a wrong size`);
    }
    const page = new Uint8Array(bytes, reader.offset, packed);
    reader.offset += packed;
    const v1 = header.data_page_header, v2 = header.data_page_header_v2;
    const count = v1?.num_values ?? v2?.num_values ?? header.dictionary_page_header?.num_values;
    if (count === undefined || !(count >= 0)) throw new Error("a page has no count");
    if (header.type === "DICTIONARY_PAGE") {
      if (count > size) throw new Error("a dictionary has more values than bytes");
      continue;
    }
    values += count;
    if (values > column.num_values) break;
    if (header.type === "DATA_PAGE" && v1) {
      const unpacked = decompressPage(page, size, column.codec, compressors);
      const view = new DataView(unpacked.buffer, unpacked.byteOffset, unpacked.byteLength);
      rows += checkDataPage({ view, offset: 0 }, count, v1.encoding, column, path);
    } else if (header.type === "DATA_PAGE_V2" && v2) {
      const view = new DataView(bytes, page.byteOffset, packed);
      const { repetition_levels_byte_length: r, definition_levels_byte_length: d } = v2;
      if (!(r >= 0 && d >= 0 && r + d <= packed)) throw new Error("a page's levels do not fit it");
      rows += checkLevels({ view, offset: 0 }, count, path, r, d).rows;
      const isPacked = v2.is_compressed !== false, rest = page.subarray(r + d);
      const unpacked = isPacked
        ? decompressPage(rest, size - r - d, column.codec, compressors)
        : rest;
      const inner = new DataView(unpacked.buffer, unpacked.byteOffset, unpacked.byteLength);
      const given = count - v2.num_nulls;
      if (!(given >= 0 && given <= count)) throw new Error("a page has a wrong count");
      checkValues({ view: inner, offset: 0 }, given, v2.encoding, column, true);
    } else {
      throw new Error("a page is of an unknown type");
    }
  }
  if (values !== Number(column.num_values) || rows !== Number(group.num_rows)) {
    throw new Error(`the pages of ${column.path_in_schema.join(".")} have another count of values`);
  }
}

/** Checks an unpacked page of the first version; returns how many rows begin in it. */
function checkDataPage(
  reader: Reader,
  count: number,
  encoding: string,
  column: ColumnMetaData,
  path: SchemaTree[],
): number {
  const { rows, nulls } = checkLevels(reader, count, path);
  checkValues(reader, count - nulls, encoding, column, false);
  return rows;
}

/**
 * Checks the levels that a page begins with.
 *
 * @param bytes Of the repetition and the definition levels, where the page does not say them.
 */
function checkLevels(
  reader: Reader,
  count: number,
  path: SchemaTree[],
  ...bytes: [] | [repetition: number, definition: number]
): { rows: number; nulls: number } {
  let rows = count, nulls = 0;
  const mostRepeated = getMaxRepetitionLevel(path), mostDefined = getMaxDefinitionLevel(path);
  if (mostRepeated > 0) {
    rows = 0;
    checkRuns(reader, count, bitWidth(mostRepeated), bytes[0], mostRepeated, (level, times) => {
      if (level === 0) rows += times;
    });
  }
  if (bytes.length > 0) reader.offset = bytes[0]!;
  if (mostDefined > 0) {
    checkRuns(reader, count, bitWidth(mostDefined), bytes[1], mostDefined, (level, times) => {
      if (level < mostDefined) nulls += times;
    });
  }
  return { rows, nulls };
}

/** Checks the runs of the values where their encoding has runs. */
function checkValues(
  reader: Reader,
  count: number,
  encoding: string,
  column: ColumnMetaData,
  isSecondVersion: boolean,
): void {
  if (count === 0) return;
  const { view } = reader;
  if (encoding === "RLE" && column.type === "BOOLEAN") checkRuns(reader, count, 1);
  else if (/DICTIONARY|^RLE/.test(encoding)) {
    const width = view.getUint8(reader.offset++);
    if (width > 32) throw new Error("a page has indices of more than 32 bits");
    if (width > 0 || isSecondVersion) {
      checkRuns(reader, count, width, view.byteLength - reader.offset);
    }
  } else if (encoding.startsWith("DELTA")) {
    const block = readVarInt(reader), miniblocks = readVarInt(reader);
    if (!(miniblocks > 0 && miniblocks <= block)) throw new Error("a page has blocks of no size");
  } else if (encoding === "BYTE_STREAM_SPLIT" && count > view.byteLength) {
    throw new Error("a page has more values than bytes");
  }
}

function bitWidth(most: number): number {
  return 32 - Math.clz32(most);
}

/**
 * Checks values in runs, repeated or packed in bits, and leaves the reader behind them.
 *
 * @param width Bits of a value.
 * @param length Bytes of the runs; undefined if it stands before them.
 * @param most The largest value, if `onValue` is to be told of each and how often it stands.
 */
function checkRuns(
  reader: Reader,
  count: number,
  width: number,
  length?: number,
  most?: number,
  onValue?: (value: number, times: number) => void,
): void {
  const { view } = reader;
  if (length === undefined) {
    length = view.getUint32(reader.offset, true);
    reader.offset += 4;
  }
  const end = reader.offset + length;
  if (end > view.byteLength) throw new Error("a page's levels do not fit it");
  for (let seen = 0; seen < count;) {
    const header = readVarInt(reader);
    const isPacked = (header & 1) === 1, times = (header >>> 1) * (isPacked ? 8 : 1);
    const bytes = isPacked ? (header >>> 1) * width : (width + 7) >> 3;
    if (isPacked ? times === 0 : times > count - seen) throw new Error("a page has a wrong run");
    // Some writers leave out what pads the last values.
    if (reader.offset + bytes > view.byteLength + 8 * width) {
      throw new Error("a page has a run beyond its end");
    }
    const given = Math.min(times, count - seen);
    if (onValue !== undefined) {
      for (let i = 0; i < (isPacked ? given : 1); i++) {
        const value = isPacked
          ? bitsAt(view, 8 * reader.offset + i * width, width)
          : bitsAt(view, 8 * reader.offset, width);
        if (value > most!) throw new Error("a page has a level that the schema lacks");
        onValue(value, isPacked ? 1 : given);
      }
    }
    reader.offset += bytes;
    seen += given;
  }
  reader.offset = end;
}

/** A value of up to eight bits, the lowest first; levels are no wider. */
function bitsAt(view: DataView, position: number, width: number): number {
  const at = position >> 3;
  const high = at + 1 < view.byteLength ? view.getUint8(at + 1) << 8 : 0;
  return ((view.getUint8(at) | high) >> (position & 7)) & ((1 << width) - 1);
}
