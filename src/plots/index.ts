export { type Calibration, calibration, type CalibrationBin, calibrationFigure, type Judged } from './calibration.ts';
export { type BandKind } from './curves.ts';
export { drawFigure, type Figure, type LegendEntry, type PlotModule } from './figure.ts';
export { drawMedia, writeMedia } from './media.ts';
export {
  type DrawnRuns,
  drawRuns,
  type DrawRunsOptions,
  type Picture,
  PICTURE_KINDS,
  type PictureKind,
} from './pictures.ts';
export { MissingCanvasError, svgToPng } from './png.ts';
export { scoreAgainstKl, type ScoreKlContent, type ScorePath, type ScorePoint } from './score-kl.ts';
