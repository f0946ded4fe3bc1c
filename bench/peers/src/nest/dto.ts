import { IsInt, IsString, Length, Max, Min } from "class-validator";

export class CourseParams {
	@IsString()
	@Length(1, 64)
	id: string;
}

export class RatingBody {
	@IsInt()
	@Min(1)
	@Max(5)
	stars: number;

	@IsString()
	@Length(1, 2_000)
	text: string;
}
